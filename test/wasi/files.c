// A WASI program for tests: does to files what its arguments say, one operation after another, and prints what came of it.
// Built by build.sh beside it; files.wasm is what the tests run.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char **words;

static const char *next(void) {
  if (*words == NULL) {
    puts("a word is missing");
    exit(2);
  }
  return *words++;
}

static void report(const char *what, int result) {
  if (result < 0) printf("%s: %s\n", what, strerror(errno));
  else printf("%s: ok\n", what);
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
  DIR *folder = opendir(path);
  if (folder == NULL) {
    report("list", -1);
    return;
  }
  static char *names[10000];
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *line = malloc(strlen(entry->d_name) + 3);
    sprintf(line, "%s %c", entry->d_name,
            entry->d_type == DT_DIR ? 'd' : entry->d_type == DT_LNK ? 'l' : entry->d_type == DT_REG ? 'f' : '?');
    names[count++] = line;
  }
  closedir(folder);
  qsort(names, count, sizeof *names, compare);
  for (size_t i = 0; i < count; i++) printf("  %s\n", names[i]);
}

// What two file systems must agree on: of times only that `touch` set them.
static void show(const char *what, int result, const struct stat *st) {
  if (result < 0) {
    report(what, result);
    return;
  }
  int file = S_ISREG(st->st_mode);
  printf("%s: %c size %lld links %lld%s\n", what, S_ISDIR(st->st_mode) ? 'd' : S_ISLNK(st->st_mode) ? 'l' : 'f',
         file ? (long long)st->st_size : 0LL, file ? (long long)st->st_nlink : 0LL,
         st->st_mtim.tv_sec == 1234567890 ? " touched" : "");
}

static void cat(int fd) {
  char buffer[1000];
  for (ssize_t count; (count = read(fd, buffer, sizeof buffer)) != 0;) {
    if (count < 0) {
      report("read", -1);
      break;
    }
    fwrite(buffer, 1, (size_t)count, stdout);
  }
  puts("");
}

int main(int argc, char **argv) {
  (void)argc;
  words = argv + 1;
  while (*words != NULL) {
    const char *what = next();
    struct stat st;
    if (strcmp(what, "cat") == 0) {
      int fd = open(next(), O_RDONLY);
      if (fd < 0) report("cat", fd);
      else cat(fd), close(fd);
    } else if (strcmp(what, "write") == 0) {
      int fd = open(next(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      const char *text = next();
      report("write", fd < 0 ? fd : (int)write(fd, text, strlen(text)));
      if (fd >= 0) close(fd);
    } else if (strcmp(what, "new") == 0) {
      int fd = open(next(), O_WRONLY | O_CREAT | O_EXCL, 0644);
      report("new", fd);
      if (fd >= 0) close(fd);
    } else if (strcmp(what, "append") == 0) {
      int fd = open(next(), O_WRONLY | O_APPEND);
      const char *text = next();
      report("append", fd < 0 ? fd : (int)write(fd, text, strlen(text)));
      if (fd >= 0) close(fd);
    } else if (strcmp(what, "patch") == 0) {
      // Overwrites in the middle, and looks at it from there on.
      int fd = open(next(), O_RDWR);
      long at = atol(next());
      const char *text = next();
      if (fd < 0) {
        report("patch", fd);
        continue;
      }
      report("seek", lseek(fd, at, SEEK_SET) < 0 ? -1 : 0);
      report("patch", (int)write(fd, text, strlen(text)));
      printf("at %lld of %lld\n", (long long)lseek(fd, 0, SEEK_CUR), (long long)lseek(fd, 0, SEEK_END));
      char seen[8] = {0};
      printf("pread %d: %s\n", (int)pread(fd, seen, 7, at), seen);
      report("before the start", lseek(fd, -1, SEEK_SET) < 0 ? -1 : 0);
      close(fd);
    } else if (strcmp(what, "unlinked") == 0) {
      // A file that is open outlives its name.
      const char *path = next();
      int fd = open(path, O_RDWR);
      report("unlink", unlink(path));
      report("write to it", (int)write(fd, "still", 5));
      report("fstat", fstat(fd, &st));
      lseek(fd, 0, SEEK_SET);
      cat(fd);
      close(fd);
    } else if (strcmp(what, "truncate") == 0) {
      int fd = open(next(), O_RDWR);
      report("truncate", ftruncate(fd, atol(next())));
      if (fd >= 0) report("fsync", fsync(fd)), close(fd);
    } else if (strcmp(what, "append-flag") == 0) {
      int fd = open(next(), O_RDWR);
      report("set", fcntl(fd, F_SETFL, O_APPEND));
      lseek(fd, 0, SEEK_SET);
      report("write", (int)write(fd, "[end]", 5));
      close(fd);
    } else if (strcmp(what, "touch") == 0) {
      const char *path = next();
      struct timespec times[2] = {{1000000000, 0}, {1234567890, 0}};
      report("touch", utimensat(AT_FDCWD, path, times, 0));
    } else if (strcmp(what, "mkdir") == 0) report("mkdir", mkdir(next(), 0755));
    else if (strcmp(what, "rmdir") == 0) report("rmdir", rmdir(next()));
    else if (strcmp(what, "unlink") == 0) report("unlink", unlink(next()));
    else if (strcmp(what, "rename") == 0) {
      const char *from = next();
      report("rename", rename(from, next()));
    } else if (strcmp(what, "link") == 0) {
      const char *from = next();
      report("link", link(from, next()));
    } else if (strcmp(what, "symlink") == 0) {
      const char *target = next();
      report("symlink", symlink(target, next()));
    } else if (strcmp(what, "readlink") == 0) {
      char target[100] = {0};
      report("readlink", (int)readlink(next(), target, sizeof target - 1));
      puts(target);
    } else if (strcmp(what, "stat") == 0) {
      int result = stat(next(), &st);
      show("stat", result, &st);
    } else if (strcmp(what, "lstat") == 0) {
      int result = lstat(next(), &st);
      show("lstat", result, &st);
    } else if (strcmp(what, "list") == 0) list(next());
    else if (strcmp(what, "many") == 0) {
      // So many that a listing takes several calls.
      for (int i = 0; i < 500; i++) {
        char name[100];
        sprintf(name, "many/a rather long name of file number %d", i);
        close(open(name, O_WRONLY | O_CREAT, 0644));
      }
    } else if (strcmp(what, "big") == 0) {
      int fd = open(next(), O_RDWR | O_CREAT | O_TRUNC, 0644);
      static char block[100000];
      for (int i = 0; i < 50; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        if (write(fd, block, sizeof block) != sizeof block) report("big", -1);
      }
      lseek(fd, 2500000 - 5, SEEK_SET);
      char seen[11] = {0};
      report("read", (int)read(fd, seen, 10));
      puts(seen);
      close(fd);
    } else if (strcmp(what, "stdin") == 0) cat(0);
    else if (strcmp(what, "stderr") == 0) fprintf(stderr, "%s\n", next());
    else if (strcmp(what, "env") == 0) printf("%s\n", getenv(next()) ? "set" : "unset");
    else if (strcmp(what, "exit") == 0) exit(atoi(next()));
    else if (strcmp(what, "trap") == 0) __builtin_trap();
    else if (strcmp(what, "forever") == 0) for (;;) stat(".", &st);
    else if (strcmp(what, "yes") == 0) for (;;) puts("yes");
    else printf("no operation %s\n", what);
  }
  return 0;
}
