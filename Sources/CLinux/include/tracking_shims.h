// What the agent watches besides the network: processes that come and go, files that change. Every function
// returns -errno instead of setting errno.
#pragma once

#include "network_shims.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <sys/inotify.h>

/// A non-blocking socket that hears of every process that is forked, executes, is renamed or ends, and of
/// no thread. It takes CAP_NET_ADMIN and the machine's own network and process namespaces.
int tandem_process_events_open(void);
/// A non-blocking inotify instance.
int tandem_inotify_open(void);
/// Watches a directory for files that are written, replaced, made or removed. The watch, or -errno.
int tandem_inotify_add(int fd, const char *directory);
