/* SPDX-License-Identifier: MIT */
/* The virtio-console port that leads to the host. */
#ifndef VM9_PORT_H
#define VM9_PORT_H

#include "frame.h"

/* True when the kernel has a virtio-console device at all: the port may still be on its way. */
bool port_is_possible(void);

/* Finds the port by its name and opens it. Negative errno: ENOENT when there is none yet. */
int port_open(void);

/* Closes the port; the host sees that. */
void port_close(void);

/* The file descriptor, or -1. */
int port_fd(void);

/* True while the host has its end open. */
bool port_host_is_there(void);

/*
 * Sends the frame, waiting for room as long as it takes: the host always reads. Returns false when the host has closed
 * its end.
 */
bool port_send(struct frame *frame);

/* Answers a request; `text` is empty when error is 0. */
bool port_reply(__u32 id, int error, const char *text);

/*
 * Reads what is there and calls `handle` for each whole frame. Returns NULL, or why the connection must end: the handler's
 * reason, a malformed frame, or an empty string when the host has closed its end.
 */
typedef const char *frame_handler(enum host_frame type, __u32 id, struct payload *payload);
const char *port_receive(frame_handler *handle);

#endif
