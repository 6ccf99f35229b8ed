#include "netlink/socket/family.h"
