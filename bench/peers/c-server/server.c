/*
 * The least that a server of offset-style uploads can do: one thread, epoll, 256 KiB at a time from the socket
 * to the file. It speaks just enough tus for the load generator: POST creates, PATCH appends, HEAD tells.
 * Nothing is verified, nothing is locked, nothing survives a restart. Linux only.
 *
 * server --port 0 --data <folder> [--sync] [--records]
 *   --sync     one fdatasync at the end of an upload
 *   --records  a JSON file beside each upload, as servers that keep records in files write
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_BYTES 16384
#define BLOCK (256 * 1024)

struct upload { int64_t length, offset; };
struct connection {
  int fd, file;
  char head[HEAD_BYTES + 1];
  size_t got;
  /* Of the body that is being read: */
  bool in_body, creating;
  int64_t upload, left;
};

static struct upload *uploads;
static int64_t count, room;
static bool sync_at_end, records;
static char block[BLOCK];

static void die(const char *what) { perror(what); exit(1); }

static void path_of(int64_t upload, const char *ending, char path[64]) {
  snprintf(path, 64, "%032llx%s", (long long)upload, ending);
}

static int64_t number_in(const char *head, const char *name, int64_t otherwise) {
  const char *at = strcasestr(head, name);
  return at == NULL ? otherwise : strtoll(at + strlen(name), NULL, 10);
}

/* Answers are short: a socket that has no room for one is a client that is not ours. */
static void answer(struct connection *c, int status, const char *headers) {
  char text[512];
  const char *reason = status < 300 ? "OK" : "No";
  int n = snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\nTus-Resumable: 1.0.0\r\n%s%s\r\n", status, reason, headers,
                   status == 204 ? "" : "Content-Length: 0\r\n");
  if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n) shutdown(c->fd, SHUT_RDWR);
}

static void answer_offset(struct connection *c, int status) {
  char headers[256];
  struct upload *u = &uploads[c->upload];
  if (c->creating)
    snprintf(headers, sizeof headers, "Location: /files/%032llx\r\nUpload-Offset: %lld\r\n", (long long)c->upload,
             (long long)u->offset);
  else
    snprintf(headers, sizeof headers, "Upload-Offset: %lld\r\nUpload-Length: %lld\r\n", (long long)u->offset,
             (long long)u->length);
  answer(c, status, headers);
}

static void store(struct connection *c, const char *bytes, size_t length) {
  struct upload *u = &uploads[c->upload];
  while (length > 0) {
    ssize_t n = pwrite(c->file, bytes, length, u->offset);
    if (n <= 0) die("write");
    bytes += n;
    length -= (size_t)n;
    u->offset += n;
    c->left -= n;
  }
}

static void end_body(struct connection *c) {
  if (sync_at_end && uploads[c->upload].offset == uploads[c->upload].length && fdatasync(c->file) != 0) die("fdatasync");
  close(c->file);
  c->in_body = false;
  answer_offset(c, c->creating ? 201 : 204);
}

static void create_upload(struct connection *c) {
  char path[64];
  if (count == room) {
    room = room == 0 ? 4096 : room * 2;
    uploads = realloc(uploads, (size_t)room * sizeof *uploads);
    if (uploads == NULL) die("realloc");
  }
  c->upload = count++;
  uploads[c->upload] = (struct upload){number_in(c->head, "\nUpload-Length:", -1), 0};
  path_of(c->upload, "", path);
  int file = open(path, O_CREAT | O_WRONLY, 0600);
  if (file < 0) die("open");
  close(file);
  if (!records) return;
  path_of(c->upload, ".json", path);
  file = open(path, O_CREAT | O_WRONLY, 0600);
  char text[128];
  int n = snprintf(text, sizeof text, "{\"size\":%lld}", (long long)uploads[c->upload].length);
  if (file < 0 || write(file, text, (size_t)n) != n) die("record");
  close(file);
}

/* A whole head is there; what follows it in the buffer is the beginning of the body. */
static void begin(struct connection *c, size_t head_length) {
  size_t more = c->got - head_length;
  c->head[head_length - 1] = 0;
  int64_t length = number_in(c->head, "\nContent-Length:", 0);
  c->creating = strncmp(c->head, "POST ", 5) == 0;
  if (c->creating) create_upload(c);
  else {
    const char *at = strstr(c->head, "/files/");
    c->upload = at == NULL ? -1 : strtoll(at + 7, NULL, 16);
    if (c->upload < 0 || c->upload >= count) return answer(c, 404, "");
    if (strncmp(c->head, "HEAD ", 5) == 0) return answer_offset(c, 200);
    if (number_in(c->head, "\nUpload-Offset:", -1) != uploads[c->upload].offset) return answer(c, 409, "");
  }
  if (length == 0) return answer_offset(c, c->creating ? 201 : 204);
  char path[64];
  path_of(c->upload, "", path);
  c->file = open(path, O_WRONLY);
  if (c->file < 0) die("open");
  c->left = length;
  c->in_body = true;
  store(c, c->head + head_length, more);
  if (c->left == 0) end_body(c);
}

/* False when the connection is over. */
static bool readable(struct connection *c) {
  if (c->in_body) {
    ssize_t n = recv(c->fd, block, c->left < BLOCK ? (size_t)c->left : BLOCK, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    store(c, block, (size_t)n);
    if (c->left == 0) end_body(c);
    return true;
  }
  ssize_t n = recv(c->fd, c->head + c->got, HEAD_BYTES - c->got, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  c->got += (size_t)n;
  c->head[c->got] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (end == NULL) return c->got < HEAD_BYTES;
  begin(c, (size_t)(end - c->head) + 4);
  c->got = 0;
  return true;
}

int main(int argc, char **argv) {
  const char *folder = ".";
  int port = 0;
  for (int i = 1; i < argc; i += 1) {
    if (strcmp(argv[i], "--sync") == 0) sync_at_end = true;
    else if (strcmp(argv[i], "--records") == 0) records = true;
    else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) folder = argv[++i];
    else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) port = atoi(argv[++i]);
  }
  signal(SIGPIPE, SIG_IGN);
  if (chdir(folder) != 0) die(folder);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1024) != 0) die("listen");
  if (getsockname(listener, (struct sockaddr *)&at, &size) != 0) die("getsockname");
  printf("{\"url\":\"http://127.0.0.1:%d\",\"msg\":\"listening\"}\n", ntohs(at.sin_port));
  fflush(stdout);

  int poll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
  if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) != 0) die("epoll");
  for (;;) {
    int n = epoll_wait(poll, ready, 256, -1);
    for (int i = 0; i < n; i += 1) {
      struct connection *c = ready[i].data.ptr;
      if (c != NULL) {
        if (readable(c)) continue;
        if (c->in_body) close(c->file);
        close(c->fd);
        free(c);
        continue;
      }
      int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (fd < 0) continue;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      c = calloc(1, sizeof *c);
      if (c == NULL) die("calloc");
      c->fd = fd;
      event = (struct epoll_event){.events = EPOLLIN, .data.ptr = c};
      if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll");
    }
  }
}
