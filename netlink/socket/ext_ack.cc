#include "netlink/socket/ext_ack.h"
