// SPDX-License-Identifier: GPL-2.0-or-later OR MIT
/* erofs-status - what the EROFS file systems of this machine save. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "status.h"

static const char help[] =
"Usage: erofs-status [OPTION]... [MOUNT]...\n"
"Show what EROFS saves by zero pages and by sharing, for each file system that is\n"
"mounted, or for those named: by a folder in it, its device or its sysfs name.\n"
"\n"
"  -j, --json         one line of JSON instead of a table\n"
"  -w, --watch[=SEC]  again every SEC seconds (default: 2) until ^C\n"
"  -h, --help         this text\n"
"\n"
"Exit status: 0, 1 if something failed or a MOUNT is not EROFS, 2 for a wrong\n"
"command line.  Documentation/status.md says what the figures are.\n";

static bool json;
static struct namespaces known;

static int usage(void)
{
	fputs("Try 'erofs-status --help'.\n", stderr);
	return 2;
}

static int fail(int err, const char *what)
{
	fprintf(stderr, "erofs-status: %s: %s\n", what, strerror(-err));
	return 1;
}

/* once; without @out, only see that all of @names are there */
static int show(FILE *out, char **names, size_t nr, bool must)
{
	struct status status;
	const char *lost;
	int err = status_collect(&status, &known), ret = 0;

	if (err) {
		status_free(&status);
		return fail(err, "could not read what is mounted");
	}
	lost = status_select(&status, names, nr);
	if (lost && must) {
		fprintf(stderr,
			"erofs-status: %s: no EROFS file system that is mounted; without arguments all are shown\n",
			lost);
		ret = 1;
	} else if (out && json) {
		status_json(&status, out);
	} else if (out) {
		status_table(&status, out);
	}
	status_free(&status);
	return ret;
}

/* @text, as much of it as the terminal has room for, over what is there */
static void draw(const char *text)
{
	struct winsize size = {};
	unsigned int row, column;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col) {
		size.ws_row = 24;
		size.ws_col = 80;
	}
	fputs("\033[H", stdout);
	for (row = 0; row < size.ws_row && *text; row++) {
		if (row)
			fputs("\r\n", stdout);
		for (column = 0; *text && *text != '\n'; text++) {
			/* bytes that go on with a character take no column */
			column += (*text & 0xc0) != 0x80;
			if (column <= size.ws_col)
				fputc(*text, stdout);
		}
		if (column < size.ws_col)
			fputs("\033[K", stdout);
		text += *text == '\n';
	}
	fputs("\033[J", stdout);
}

static int show_again(char **names, size_t nr, bool terminal)
{
	char *text = NULL, stamp[64];
	size_t size;
	FILE *out;
	time_t now = time(NULL);
	int ret;

	if (json)
		return show(stdout, names, nr, false);
	out = open_memstream(&text, &size);
	if (!out)
		return fail(-errno, "no memory");
	strftime(stamp, sizeof(stamp), "%F %T", localtime(&now));
	fprintf(out, "%s\n", stamp);
	ret = show(out, names, nr, false);
	fclose(out);
	if (terminal)
		draw(text);
	else
		fputs(text, stdout);
	free(text);
	return ret;
}

/* until SIGINT or SIGTERM, which leave the terminal as it was */
static int watch(double seconds, char **names, size_t nr)
{
	const bool terminal = isatty(STDOUT_FILENO) && !json;
	struct timespec pause = { .tv_sec = seconds };
	sigset_t signals;
	int ret, sig;

	pause.tv_nsec = (seconds - pause.tv_sec) * 1e9;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (terminal)
		fputs("\033[?1049h\033[?25l", stdout);
	do {
		ret = show_again(names, nr, terminal);
		if (fflush(stdout))
			ret = fail(-errno, "could not write");
		sig = ret ? 0 : sigtimedwait(&signals, NULL, &pause);
	} while (!ret && sig != SIGINT && sig != SIGTERM);
	if (terminal)
		fputs("\033[?25h\033[?1049l", stdout);
	return ret;
}

static bool parse_seconds(double *seconds, const char *text)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && isfinite(*seconds) && *seconds >= 0.1 &&
		*seconds <= 86400;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "watch", optional_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	double seconds = 0;
	int c, ret;

	while ((c = getopt_long(argc, argv, "jw::h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = true;
			break;
		case 'w':
			if (!parse_seconds(&seconds, optarg ? optarg : "2")) {
				fprintf(stderr,
					"erofs-status: --watch takes 0.1 to 86400 seconds, not %s\n",
					optarg);
				return usage();
			}
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return usage();
		}
	}
	/* what is not there to begin with is a mistake; it may go away later */
	ret = show(seconds ? NULL : stdout, argv + optind, argc - optind, true);
	if (!ret && seconds)
		ret = watch(seconds, argv + optind, argc - optind);
	status_forget(&known);
	if (fflush(stdout) || ferror(stdout))
		ret = ret ? ret : fail(-errno, "could not write");
	return ret;
}
