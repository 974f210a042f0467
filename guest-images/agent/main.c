/* SPDX-License-Identifier: MIT */
/* The guest agent: PID 1 of the vm9 guest. It boots the system, serves the host (PROTOCOL.md) and reaps processes. */
#include "boot.h"
#include "freeze.h"
#include "port.h"
#include "power.h"
#include "program.h"
#include "request.h"
#include "text.h"

#define SOFTWARE "vm9-agent 0.1.0"

/* How long a port may take to appear, before a person at the console gets a shell. */
#define PORT_PATIENCE_MS 1000
/* The driver cannot be waited on for a host that has closed its end. */
#define HOST_RETURN_MS 100

static enum { NO_PORT, NO_HOST, GREETING, SERVING } state;

/* The shell on the console of a machine without the agent's port; 0 when there is none. */
static int console_shell;

static const char *welcome(struct payload *payload)
{
	__u16 version = payload_u16(payload);
	__u16 zero = payload_u16(payload);
	__u32 window = payload_u32(payload);

	if (!payload_finished(payload) || version != PROTOCOL_VERSION || zero != 0 || window == 0)
		return "a malformed Welcome";
	program_set_window(window);
	state = SERVING;
	return NULL;
}

static const char *power_request(__u32 id, struct payload *payload)
{
	__u8 action = payload_u8(payload);

	if (!payload_finished(payload) || action > POWER_REBOOT)
		return "a malformed Power";
	port_reply(id, 0, "");
	power(action);
	return NULL;
}

static const char *handle(enum host_frame type, __u32 id, struct payload *payload)
{
	if ((type == WELCOME) != (state == GREETING))
		return state == GREETING ? "a frame before Welcome" : "a second Welcome";
	switch (type) {
	case WELCOME:
		return welcome(payload);
	case MOUNT:
		return request_mount(id, payload);
	case EXEC:
		return program_exec(id, payload);
	case STDIN:
		return program_stdin(id, payload);
	case STDIN_END:
		return payload_finished(payload) ? program_stdin_end(id) : "a malformed StdinEnd";
	case OUTPUT_CREDIT:
		return program_output_credit(id, payload);
	case CLOSE_OUTPUT:
		return program_close_output(id, payload);
	case SIGNAL:
		return program_signal(id, payload);
	case RESIZE:
		return program_resize(id, payload);
	case SET_CLOCK:
		return request_set_clock(id, payload);
	case RESEED:
		return request_reseed(id, payload);
	case POWER:
		return power_request(id, payload);
	case FREEZE:
		return request_freeze(id, payload);
	case THAW:
		return request_thaw(id, payload);
	}
	return "a frame of unknown type";
}

static void greet(void)
{
	struct frame *hello = frame_begin(HELLO, 0);
	struct utsname kernel;
	struct text software = { 0 };

	sys_uname(&kernel);
	text_add(&software, SOFTWARE ", ", kernel.sysname, " ", kernel.release, NULL);
	frame_u32(hello, HELLO_MAGIC);
	frame_u16(hello, PROTOCOL_VERSION);
	frame_u16(hello, PROTOCOL_VERSION);
	frame_u32(hello, MAX_PAYLOAD);
	frame_u32(hello, INPUT_WINDOW);
	frame_string(hello, software.bytes);
	state = port_send(hello) ? GREETING : NO_HOST;
}

/* Looks for what is missing of: the port, the host at its other end. */
static void look_for_host(void)
{
	if (state == NO_PORT && port_open() == 0)
		state = NO_HOST;
	if (state == NO_HOST && port_host_is_there())
		greet();
}

/* Starts over. An empty reason: the host has gone. Closing the port tells the host that its going has been seen. */
static void end_connection(const char *reason)
{
	freeze_end();
	program_forget_all();
	request_forget_all();
	if (*reason) {
		struct frame *goodbye = frame_begin(GOODBYE, 0);

		complain(reason, 0);
		frame_string(goodbye, reason);
		port_send(goodbye);
	}
	port_close();
	state = NO_PORT;
}

static void reap(void)
{
	int pid, status;

	while ((pid = sys_wait4(-1, &status, WNOHANG, NULL)) > 0) {
		/* Leaving the only shell is leaving the machine. */
		if (pid == console_shell)
			power(POWER_OFF);
		program_ended(pid, status);
	}
}

/* Also the words of busybox's poweroff, halt and reboot to PID 1. */
static void take_signals(int signals)
{
	struct signalfd_siginfo signal;

	while (sys_read(signals, &signal, sizeof signal) == sizeof signal) {
		switch (signal.ssi_signo) {
		case SIGCHLD:
			reap();
			break;
		case SIGUSR1:
		case SIGUSR2:
			power(POWER_OFF);
			break;
		case SIGTERM:
		case SIGINT:
			power(POWER_REBOOT);
			break;
		}
	}
}

static int open_signals(void)
{
	static const signal_set set =
		SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGUSR2) | SIGNAL_BIT(SIGTERM) | SIGNAL_BIT(SIGINT);

	sys_sigprocmask(SIG_BLOCK, &set);
	return sys_signalfd(&set);
}

/* The kernel's announcements: of a port, above all, or of its name, which comes after it. */
static int open_uevents(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int socket = sys_socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (socket >= 0)
		sys_bind(socket, &address, sizeof address);
	return socket;
}

static void drain(int socket)
{
	char event[2048];

	while (sys_read(socket, event, sizeof event) > 0)
		;
}

enum { SIGNALS, UEVENTS, PORT, STREAMS };

static void serve(int signals, int uevents)
{
	static struct pollfd poll[STREAMS + MAX_STREAMS + MAX_MOUNTS];
	int patience = port_is_possible() ? PORT_PATIENCE_MS : 0;

	for (;;) {
		bool open = state == GREETING || state == SERVING;
		int streams, mounts, ready;

		poll[SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
		poll[UEVENTS] = (struct pollfd){ .fd = uevents, .events = POLLIN };
		poll[PORT] = (struct pollfd){ .fd = open ? port_fd() : -1, .events = POLLIN };
		streams = program_poll(poll + STREAMS);
		mounts = request_poll(poll + STREAMS + streams);
		ready = sys_poll(poll, STREAMS + streams + mounts,
				 state == NO_HOST ? HOST_RETURN_MS : state == NO_PORT ? patience : -1);
		if (ready == 0 && state == NO_PORT) {
			console_shell = program_console_shell();
			patience = -1;
		}
		/* Before anything opens or closes a descriptor that poll() has spoken of. */
		program_move(poll + STREAMS, streams);
		request_move(poll + STREAMS + streams, mounts);
		if (poll[PORT].revents) {
			const char *reason = port_receive(handle);

			if (reason)
				end_connection(reason);
		}
		if (poll[SIGNALS].revents)
			take_signals(signals);
		if (poll[UEVENTS].revents)
			drain(uevents);
		look_for_host();
		if (state != NO_PORT)
			patience = -1;
	}
}

/* A kernel without a console starts PID 1 without them; a pipe must not take their numbers. */
static void open_standard_streams(void)
{
	int fd;

	do {
		fd = sys_open("/dev/null", O_RDWR, 0);
	} while (fd >= 0 && fd < 3);
	if (fd >= 0)
		sys_close(fd);
}

int main(void)
{
	int signals, uevents;

	if (sys_getpid() != 1) {
		complain("this program is PID 1 of a vm9 guest and nothing else", 0);
		return 1;
	}
	boot_first();
	open_standard_streams();
	signals = open_signals();
	/* Opened before the first look, so that no announcement falls between. */
	uevents = open_uevents();
	look_for_host();
	boot_rest();
	/* Output is moved when the program waits, or when its time is up: not line by line. */
	sys_set_scheduler(SCHED_BATCH);
	serve(signals, uevents);
}
