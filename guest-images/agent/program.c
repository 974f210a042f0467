/* SPDX-License-Identifier: MIT */
#include "program.h"

#include "port.h"
#include "spawn.h"
#include "terminal.h"

enum stdio { PIPES, PTY, CONSOLE };

/* What a pseudo-terminal may still hold when its program has ended: more than the kernel lets it. */
#define PTY_REMAINDER (1024 * 1024)

struct output {
	int fd; /* -1: closed */
	__u32 credit; /* bytes that the host has room for */
	__u32 remainder; /* bytes to deliver after the program's end */
};

struct input {
	int fd; /* -1: closed */
	bool end; /* the host has sent all */
	__u32 first, count; /* the part of the ring that is filled */
	__u32 owed; /* bytes written to the program and not yet credited */
	char ring[INPUT_WINDOW];
};

struct program {
	__u32 id; /* 0: free */
	int pid;
	enum stdio stdio;
	int terminal; /* the pty's master or the console, for its size; -1 without */
	bool ended;
	__u8 how, value;
	struct output output[2];
	struct input input;
};

static struct program programs[MAX_PROGRAMS];
static __u32 output_window;

void program_set_window(__u32 window)
{
	output_window = window;
}

static struct program *find(__u32 id)
{
	for (int i = 0; i < MAX_PROGRAMS; i++) {
		if (programs[i].id == id)
			return &programs[i];
	}
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
	*fd = -1;
}

static void release(struct program *program)
{
	close_fd(&program->output[0].fd);
	close_fd(&program->output[1].fd);
	close_fd(&program->input.fd);
	close_fd(&program->terminal);
	program->id = 0;
}

static void send_empty(enum guest_frame type, __u32 id)
{
	port_send(frame_begin(type, id));
}

/* The program reads no more, and the host should know. */
static void close_input(struct program *program)
{
	close_fd(&program->input.fd);
	send_empty(INPUT_CLOSED, program->id);
}

static int open_pipes(struct program *program, int child[3])
{
	int in[2], out[2], err[2], error;

	error = sys_pipe2(in, O_CLOEXEC);
	if (error < 0)
		return error;
	error = sys_pipe2(out, O_CLOEXEC);
	if (error < 0)
		goto close_in;
	error = sys_pipe2(err, O_CLOEXEC);
	if (error < 0)
		goto close_out;
	child[0] = in[0];
	child[1] = out[1];
	child[2] = err[1];
	program->input.fd = in[1];
	program->output[0].fd = out[0];
	program->output[1].fd = err[0];
	sys_set_nonblocking(in[1]);
	sys_set_nonblocking(out[0]);
	sys_set_nonblocking(err[0]);
	return 0;

close_out:
	sys_close(out[0]);
	sys_close(out[1]);
close_in:
	sys_close(in[0]);
	sys_close(in[1]);
	return error;
}

/* Three descriptors of the master: each stream is closed on its own. */
static int open_pty(struct program *program, int child[3])
{
	int slave = -1, master = terminal_open_pty(&slave);

	if (master < 0)
		return master;
	child[0] = child[1] = child[2] = slave;
	program->terminal = master;
	program->input.fd = sys_fcntl(master, F_DUPFD_CLOEXEC, 0);
	program->output[0].fd = sys_fcntl(master, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static int open_console(struct program *program, int child[3])
{
	int console;

	for (int i = 0; i < MAX_PROGRAMS; i++) {
		if (programs[i].id && programs[i].stdio == CONSOLE && &programs[i] != program)
			return -EBUSY;
	}
	console = terminal_open_console();
	if (console < 0)
		return console;
	child[0] = child[1] = child[2] = console;
	program->terminal = sys_fcntl(console, F_DUPFD_CLOEXEC, 0);
	return 0;
}

static int open_streams(struct program *program, int child[3])
{
	switch (program->stdio) {
	case PIPES:
		return open_pipes(program, child);
	case PTY:
		return open_pty(program, child);
	default:
		return open_console(program, child);
	}
}

/* Reads a list into pointers; the strings are ended once the whole payload has been read. */
static struct string *read_list(struct payload *payload, struct string *into, __u32 *count)
{
	*count = payload_u32(payload);
	if (*count > (size_t)(payload->end - payload->at) / sizeof(__u32))
		payload->bad = true;
	if (payload->bad)
		*count = 0;
	for (__u32 i = 0; i < *count; i++)
		*into++ = payload_string(payload);
	return into;
}

static char **end_list(struct string *strings, __u32 count, char **into)
{
	while (count--)
		*into++ = string_end(*strings++);
	*into++ = NULL;
	return into;
}

const char *program_exec(__u32 id, struct payload *payload)
{
	static struct string strings[MAX_PAYLOAD / sizeof(__u32)];
	static char *pointers[MAX_PAYLOAD / sizeof(__u32) + 2];
	__u8 stdio = payload_u8(payload);
	__u8 zero = payload_u8(payload);
	__u16 zero2 = payload_u16(payload);
	__u16 rows = payload_u16(payload);
	__u16 cols = payload_u16(payload);
	struct string cwd = payload_string(payload), *env_strings;
	__u32 argc, envc;
	int child[3], error;
	struct text failure = { 0 };

	env_strings = read_list(payload, strings, &argc);
	read_list(payload, env_strings, &envc);
	if (!payload_finished(payload) || stdio > CONSOLE || zero || zero2 || id == 0 || find(id))
		return "a malformed Exec";

	struct program *program = find(0);
	if (!program) {
		port_reply(id, EAGAIN, "64 programs run already: no more at once");
		return NULL;
	}
	program->id = id;
	program->stdio = stdio;
	program->ended = false;
	program->terminal = program->input.fd = program->output[0].fd = program->output[1].fd = -1;
	program->output[0].credit = program->output[1].credit = output_window;
	program->input.end = false;
	program->input.first = program->input.count = program->input.owed = 0;

	error = open_streams(program, child);
	if (error < 0) {
		text_add(&failure, "the program's ", stdio == PIPES ? "pipes" : "terminal", ": ", error_text(-error), NULL);
	} else {
		char **env = end_list(strings, argc, pointers);

		end_list(env_strings, envc, env);
		if (program->terminal >= 0)
			terminal_resize(program->terminal, rows, cols);
		error = spawn(&(struct spawn){ { child[0], child[1], child[2] }, stdio != PIPES, string_end(cwd), pointers, env },
			      &failure);
		sys_close(child[0]);
		if (stdio == PIPES) {
			sys_close(child[1]);
			sys_close(child[2]);
		}
	}
	if (error < 0) {
		release(program);
		port_reply(id, -error, failure.bytes);
		return NULL;
	}
	program->pid = error;

	struct frame *started = frame_begin(STARTED, id);
	frame_u32(started, program->pid);
	port_send(started);
	return NULL;
}

int program_console_shell(void)
{
	static char *nothing[] = { NULL };
	static char *env[] = { "TERM=linux", NULL };
	struct text failure = { 0 };
	int console = terminal_open_console(), pid;

	if (console < 0) {
		complain("no console", -console);
		return console;
	}
	pid = spawn(&(struct spawn){ { console, console, console }, true, "", nothing, env }, &failure);
	sys_close(console);
	if (pid < 0)
		complain(failure.bytes, 0);
	return pid;
}

const char *program_stdin(__u32 id, struct payload *payload)
{
	struct program *program = find(id);
	struct input *input;
	__u32 length = payload->end - payload->at;

	/* Sent before the host knew that the program had ended, or reads no more. */
	if (!program || program->input.fd < 0)
		return NULL;
	input = &program->input;
	if (input->end || length > INPUT_WINDOW - input->count)
		return "input past its window or its end";
	for (__u32 done = 0; done < length;) {
		__u32 to = (input->first + input->count) % INPUT_WINDOW;
		__u32 part = INPUT_WINDOW - to < length - done ? INPUT_WINDOW - to : length - done;

		memcpy(input->ring + to, payload->at + done, part);
		input->count += part;
		done += part;
	}
	return NULL;
}

const char *program_stdin_end(__u32 id)
{
	struct program *program = find(id);

	if (program)
		program->input.end = true;
	return NULL;
}

static struct output *output_named(struct program *program, __u8 stream)
{
	return stream == 1 || stream == 2 ? &program->output[stream - 1] : NULL;
}

const char *program_output_credit(__u32 id, struct payload *payload)
{
	__u8 stream = payload_u8(payload);
	__u32 count = payload_u32(payload);
	struct program *program = find(id);
	struct output *output;

	if (!payload_finished(payload))
		return "a malformed OutputCredit";
	if (!program)
		return NULL;
	output = output_named(program, stream);
	if (!output || count > output_window - output->credit)
		return "credit for output that was not sent";
	output->credit += count;
	return NULL;
}

const char *program_close_output(__u32 id, struct payload *payload)
{
	__u8 stream = payload_u8(payload);
	struct program *program = find(id);
	struct output *output;

	if (!payload_finished(payload))
		return "a malformed CloseOutput";
	if (!program)
		return NULL;
	output = output_named(program, stream);
	if (!output)
		return "an unknown output stream";
	close_fd(&output->fd);
	/* A pty hangs up when all descriptors of its master are closed: only then does a writer notice. */
	if (program->stdio == PTY) {
		close_fd(&program->terminal);
		if (program->input.fd >= 0)
			close_input(program);
	}
	return NULL;
}

const char *program_signal(__u32 id, struct payload *payload)
{
	__u8 number = payload_u8(payload);
	struct program *program = find(id);

	if (!payload_finished(payload) || number < 1 || number > 64)
		return "a malformed Signal";
	/* Its number may be another program's by now. */
	if (program && !program->ended)
		sys_kill(-program->pid, number);
	return NULL;
}

const char *program_resize(__u32 id, struct payload *payload)
{
	__u16 rows = payload_u16(payload);
	__u16 cols = payload_u16(payload);
	struct program *program = find(id);

	if (!payload_finished(payload))
		return "a malformed Resize";
	if (program && program->terminal >= 0)
		terminal_resize(program->terminal, rows, cols);
	return NULL;
}

/* A pipe's content is known to the byte; a terminal's is not. */
static __u32 remainder_of(struct program *program, struct output *output)
{
	int count = 0;

	if (program->stdio == PTY)
		return PTY_REMAINDER;
	return sys_ioctl(output->fd, FIONREAD, &count) < 0 ? 0 : count;
}

/* Sends Exited once the output is delivered. */
static void finish(struct program *program)
{
	struct frame *exited;

	if (!program->ended || program->output[0].fd >= 0 || program->output[1].fd >= 0)
		return;
	exited = frame_begin(EXITED, program->id);
	frame_u8(exited, program->how);
	frame_u8(exited, program->value);
	release(program);
	port_send(exited);
}

void program_ended(int pid, int status)
{
	struct program *program = programs;

	while (program < programs + MAX_PROGRAMS && (program->id == 0 || program->pid != pid || program->ended))
		program++;
	if (program == programs + MAX_PROGRAMS)
		return;
	program->ended = true;
	program->how = (status & 0x7f) != 0;
	program->value = program->how ? status & 0x7f : status >> 8 & 0xff;
	close_fd(&program->input.fd);
	for (int i = 0; i < 2; i++) {
		struct output *output = &program->output[i];

		if (output->fd < 0)
			continue;
		output->remainder = remainder_of(program, output);
		if (output->remainder == 0)
			close_fd(&output->fd);
	}
	finish(program);
}

/* One frame's worth of a stream. */
static void move_output(struct program *program, int stream)
{
	struct output *output = &program->output[stream];
	struct frame *frame = frame_begin(stream == 0 ? STDOUT : STDERR, program->id);
	__u32 room = FRAME_SIZE - HEADER_SIZE;
	int count;

	if (room > output->credit)
		room = output->credit;
	if (program->ended && room > output->remainder)
		room = output->remainder;
	count = sys_read(output->fd, frame->bytes + HEADER_SIZE, room);
	if (count == -EAGAIN && !program->ended)
		return;
	/* The end of the file; or EIO, which is a pty's; or an orphan holds a stream that is empty. */
	if (count <= 0) {
		close_fd(&output->fd);
		return;
	}
	frame->length += count;
	output->credit -= count;
	output->remainder -= program->ended ? count : 0;
	if (program->ended && output->remainder == 0)
		close_fd(&output->fd);
	port_send(frame);
}

static void credit_input(struct program *program)
{
	struct frame *credit = frame_begin(INPUT_CREDIT, program->id);

	frame_u32(credit, program->input.owed);
	program->input.owed = 0;
	port_send(credit);
}

static void move_input(struct program *program)
{
	struct input *input = &program->input;

	while (input->count > 0) {
		__u32 part = INPUT_WINDOW - input->first < input->count ? INPUT_WINDOW - input->first : input->count;
		int written = sys_write(input->fd, input->ring + input->first, part);

		if (written == -EAGAIN)
			return;
		if (written < 0) {
			close_input(program);
			return;
		}
		input->first = (input->first + written) % INPUT_WINDOW;
		input->count -= written;
		input->owed += written;
		/* A quarter: the host has three to go on with while the credit travels. */
		if (input->owed >= INPUT_WINDOW / 4)
			credit_input(program);
	}
	if (input->end) {
		if (program->stdio == PTY && terminal_type_end(input->fd) == -EAGAIN)
			return;
		close_fd(&input->fd);
	}
}

/* What program_poll() has asked about, in the order of its pollfds. */
static struct polled {
	struct program *program;
	enum { FROM_STDOUT, FROM_STDERR, TO_STDIN } stream;
} polled[MAX_STREAMS];

/* A stream without credit is not polled at all: poll() reports a hangup even when asked for nothing. */
int program_poll(struct pollfd *poll)
{
	int count = 0;

	for (struct program *program = programs; program < programs + MAX_PROGRAMS; program++) {
		const struct input *input = &program->input;
		bool has_input = input->count > 0 || input->end;

		if (!program->id)
			continue;
		for (int stream = FROM_STDOUT; stream <= FROM_STDERR; stream++) {
			const struct output *output = &program->output[stream];

			if (output->fd < 0 || output->credit == 0)
				continue;
			polled[count] = (struct polled){ program, stream };
			poll[count++] = (struct pollfd){ .fd = output->fd, .events = POLLIN };
		}
		/* A pipe reports when its reader is gone; a pty reports hangups all the time, which its output handles. */
		if (input->fd >= 0 && (has_input || program->stdio == PIPES)) {
			polled[count] = (struct polled){ program, TO_STDIN };
			poll[count++] = (struct pollfd){ .fd = input->fd, .events = has_input ? POLLOUT : 0 };
		}
	}
	return count;
}

void program_move(const struct pollfd *poll, int count)
{
	for (int i = 0; i < count; i++) {
		struct program *program = polled[i].program;

		if (!poll[i].revents)
			continue;
		if (polled[i].stream != TO_STDIN)
			move_output(program, polled[i].stream);
		else if (poll[i].revents & POLLERR)
			close_input(program);
		else
			move_input(program);
		finish(program);
	}
}

void program_forget_all(void)
{
	for (int i = 0; i < MAX_PROGRAMS; i++) {
		if (programs[i].id)
			release(&programs[i]);
	}
}
