#include "netlink/socket/receive_buffers.h"
