#include "netlink/socket/batch.h"
