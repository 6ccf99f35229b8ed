#include "netlink/route/link_events.h"
