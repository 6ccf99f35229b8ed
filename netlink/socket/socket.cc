#include "netlink/socket/socket.h"
