#include "netlink/socket/client.h"
