#include "netlink/socket/request.h"
