/*
 * What uploaders are measured against: takes every body, throws it away, and answers as a tus server, as S3 or to a
 * plain PUT would. One thread, epoll, 256 KiB at a time. It knows no uploads: each answer follows from its request
 * alone. GET tells how many bytes of bodies came since the last GET. Linux only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
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

struct connection {
  int fd;
  char head[HEAD_BYTES + 1];
  size_t got;
  bool in_body;
  int64_t left, length;
  /* Of a chunked body: what is read now, and the line that is being read. */
  enum { PLAIN, SIZE, DATA, DATA_END, TRAILER } part;
  char line[256];
  size_t line_got;
};

static int64_t received, uploads;
static char block[BLOCK];

static void die(const char *what) { perror(what); exit(1); }

static int64_t number_in(const char *head, const char *name, int64_t otherwise) {
  const char *at = strcasestr(head, name);
  return at == NULL ? otherwise : strtoll(at + strlen(name), NULL, 10);
}

/* Answers are short: a socket that has no room for one is an uploader that does not read. */
static void say(struct connection *c, const char *text) {
  ssize_t n = (ssize_t)strlen(text);
  if (send(c->fd, text, (size_t)n, MSG_NOSIGNAL) != n) shutdown(c->fd, SHUT_RDWR);
}

static void answer(struct connection *c, int status, const char *headers, const char *body) {
  char text[2048];
  char length[48] = "";
  if (status != 204) snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body));
  snprintf(text, sizeof text, "HTTP/1.1 %d OK\r\nTus-Resumable: 1.0.0\r\n%s%s\r\n%s", status, headers, length, body);
  say(c, text);
}

static void answer_s3(struct connection *c) {
  if (strncmp(c->head, "PUT ", 4) == 0) return answer(c, 200, "ETag: \"00000000000000000000000000000000\"\r\n", "");
  if (strstr(c->head, "uploads") != NULL)
    return answer(c, 200, "Content-Type: application/xml\r\n",
                  "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
                  "</InitiateMultipartUploadResult>");
  answer(c, 200, "Content-Type: application/xml\r\n",
         "<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>\"0-1\"</ETag>"
         "</CompleteMultipartUploadResult>");
}

static void answer_tus(struct connection *c) {
  char headers[256];
  if (strncmp(c->head, "OPTIONS ", 8) == 0)
    return answer(c, 204, "Tus-Version: 1.0.0\r\nTus-Extension: creation,concatenation,checksum,checksum-trailer\r\nTus-Checksum-Algorithm: crc32\r\n", "");
  if (strncmp(c->head, "PATCH ", 6) == 0) {
    int64_t offset = number_in(c->head, "\nUpload-Offset:", 0) + c->length;
    snprintf(headers, sizeof headers, "Upload-Offset: %lld\r\n", (long long)offset);
    return answer(c, 204, headers, "");
  }
  uploads += 1;
  snprintf(headers, sizeof headers, "Location: /files/%lld\r\n", (long long)uploads);
  answer(c, 201, headers, "");
}

static void end(struct connection *c) {
  c->in_body = false;
  const char *line = strchr(c->head, ' ');
  bool s3 = line != NULL && strncmp(line + 1, "/s3/", 4) == 0;
  if (strncmp(c->head, "GET ", 4) == 0 || strncmp(c->head, "HEAD ", 5) == 0) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)received);
    received = 0;
    return answer(c, 200, "", text);
  }
  if (s3) answer_s3(c);
  else if (strncmp(c->head, "PUT ", 4) == 0) answer(c, 204, "", "");
  else answer_tus(c);
}

static void took(struct connection *c, int64_t n) {
  c->left -= n;
  if (strncmp(c->head, "P", 1) == 0 && strncmp(c->head, "POST ", 5) != 0) received += n;
  if (c->left == 0) end(c);
}

/* A piece of a chunked body (RFC 9112, section 7.1). Nothing follows its end before it was answered. */
static void took_chunked(struct connection *c, const char *bytes, size_t n) {
  for (size_t at = 0; at < n;) {
    if (c->part == DATA) {
      size_t some = n - at < (size_t)c->left ? n - at : (size_t)c->left;
      received += (int64_t)some;
      c->length += (int64_t)some;
      c->left -= (int64_t)some;
      at += some;
      if (c->left == 0) c->part = DATA_END;
      continue;
    }
    char byte = bytes[at++];
    if (byte != '\n') {
      if (byte != '\r' && c->line_got < sizeof c->line - 1) c->line[c->line_got++] = byte;
      continue;
    }
    c->line[c->line_got] = 0;
    if (c->part == TRAILER && c->line_got == 0) {
      c->part = PLAIN;
      return end(c);
    }
    if (c->part == SIZE) {
      c->left = strtoll(c->line, NULL, 16);
      c->part = c->left == 0 ? TRAILER : DATA;
    } else if (c->part == DATA_END) c->part = SIZE;
    c->line_got = 0;
  }
}

/* A whole head is there; what follows it in the buffer is the beginning of the body. */
static void begin(struct connection *c, size_t head_length) {
  size_t more = c->got - head_length;
  c->head[head_length - 1] = 0;
  if (strcasestr(c->head, "\nTransfer-Encoding: chunked") != NULL) {
    c->in_body = true;
    c->length = 0;
    c->line_got = 0;
    c->part = SIZE;
    return took_chunked(c, c->head + head_length, more);
  }
  c->left = c->length = number_in(c->head, "\nContent-Length:", 0);
  if (c->left == 0) return end(c);
  c->in_body = true;
  if (more == 0 && strcasestr(c->head, "\nExpect:") != NULL) say(c, "HTTP/1.1 100 Continue\r\n\r\n");
  if (more > 0) took(c, (int64_t)more);
}

/* False when the connection is over. */
static bool readable(struct connection *c) {
  if (c->in_body && c->part != PLAIN) {
    ssize_t n = recv(c->fd, block, BLOCK, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    took_chunked(c, block, (size_t)n);
    return true;
  }
  if (c->in_body) {
    ssize_t n = recv(c->fd, block, c->left < BLOCK ? (size_t)c->left : BLOCK, 0);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    took(c, n);
    return true;
  }
  ssize_t n = recv(c->fd, c->head + c->got, HEAD_BYTES - c->got, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  c->got += (size_t)n;
  c->head[c->got] = 0;
  char *end_of_head = strstr(c->head, "\r\n\r\n");
  if (end_of_head == NULL) return c->got < HEAD_BYTES;
  begin(c, (size_t)(end_of_head - c->head) + 4);
  c->got = 0;
  return true;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = 0};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
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
