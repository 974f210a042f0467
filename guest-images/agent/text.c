/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>

void text_add(struct text *text, ...)
{
	va_list parts;
	const char *part;

	va_start(parts, text);
	while ((part = va_arg(parts, const char *)) != NULL) {
		while (*part && text->length < sizeof text->bytes - 1)
			text->bytes[text->length++] = *part++;
	}
	va_end(parts);
	text->bytes[text->length] = 0;
}

/* The errors that the agent's own requests can meet. */
static const struct {
	int error;
	const char *words;
} errors[] = {
	{ EPERM, "Operation not permitted" },
	{ ENOENT, "No such file or directory" },
	{ EIO, "Input/output error" },
	{ ENXIO, "No such device or address" },
	{ E2BIG, "Argument list too long" },
	{ ENOEXEC, "Exec format error" },
	{ EAGAIN, "Resource temporarily unavailable" },
	{ ENOMEM, "Cannot allocate memory" },
	{ EACCES, "Permission denied" },
	{ EBUSY, "Device or resource busy" },
	{ EEXIST, "File exists" },
	{ ENODEV, "No such device" },
	{ ENOTDIR, "Not a directory" },
	{ EISDIR, "Is a directory" },
	{ EINVAL, "Invalid argument" },
	{ ENFILE, "Too many open files in system" },
	{ EMFILE, "Too many open files" },
	{ ETXTBSY, "Text file busy" },
	{ ENOSPC, "No space left on device" },
	{ EROFS, "Read-only file system" },
	{ ENAMETOOLONG, "File name too long" },
	{ ELOOP, "Too many levels of symbolic links" },
	{ EPROTO, "Protocol error" },
	{ EOPNOTSUPP, "Operation not supported" },
	{ ECONNRESET, "Connection reset by peer" },
	{ ETIMEDOUT, "Connection timed out" },
};

const char *error_text(int error)
{
	static char number[32] = "error ";

	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (errors[i].error == error)
			return errors[i].words;
	}
	itoa_r(error, number + sizeof "error " - 1);
	return number;
}

void complain(const char *what, int error)
{
	struct text line = { 0 };

	text_add(&line, "vm9-agent: ", what, error ? ": " : "", error ? error_text(error) : "", "\n", NULL);
	sys_write(2, line.bytes, line.length);
}
