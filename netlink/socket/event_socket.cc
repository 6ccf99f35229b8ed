#include "netlink/socket/event_socket.h"
