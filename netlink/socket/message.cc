#include "netlink/socket/message.h"
