// The part of an HTTP server that constant.c and hand-written.c share: one epoll loop, connections
// with a buffer each way, answers in one write. What includes it defines the three functions below.
//
// No more than the bench needs: one thread, no deadlines, requests of 20 KiB at most.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 20 << 10, OUTPUT_MAX = 16 << 10, EVENTS_MAX = 256 };

struct connection {
    int fd;
    bool awaits;      // Redis has not yet confirmed its transaction: no further request is begun
    bool isClosed;    // its memory stays until nothing refers to it
    bool waitsToWrite;
    size_t inputLength, outputLength;
    struct connection *next;  // of those that are closed, or free
    uint64_t amount, user;    // of the transaction that it awaits
    char currency[3], id[36];
    char input[INPUT_MAX + 1];  // and a 0 behind it, for readers without bounds
    char output[OUTPUT_MAX];
};

struct head {
    const char *body;
    size_t bodyLength, length;  // the latter of the whole request
};

// Answers the request, or marks the connection as waiting; false if it is to be closed.
static bool serve(struct connection *connection, const struct head *head);
// A socket that is no caller's has something to read.
static void otherReady(void *pointer);
// All sockets of this turn have been looked at.
static void turnEnded(void);

static int epollFd, listenerFd;
static struct connection *closedConnections, *freeConnections;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int fd, int operation, uint32_t events, void *pointer) {
    struct epoll_event event = {.events = events, .data.ptr = pointer};
    if (epoll_ctl(epollFd, operation, fd, &event) < 0) die("epoll_ctl");
}

static void closeConnection(struct connection *connection) {
    if (connection->isClosed) return;
    close(connection->fd);
    connection->isClosed = true;
    // Events of this turn may still name it, and a reply of Redis may belong to it.
    if (!connection->awaits) {
        connection->next = closedConnections;
        closedConnections = connection;
    }
}

// 1 with a whole request, 0 if bytes are missing, -1 if there is no telling where it ends.
static int findRequest(const struct connection *connection, struct head *head) {
    const char *input = connection->input;
    const char *end = memmem(input, connection->inputLength, "\r\n\r\n", 4);
    if (!end) return connection->inputLength == INPUT_MAX ? -1 : 0;
    static const char name[] = "content-length:";
    size_t bodyLength = 0;
    const char *line = memchr(input, '\n', (size_t)(end - input));
    while (line && line < end) {
        line += 1;
        if ((*line | 0x20) == 'c' && !strncasecmp(line, name, sizeof name - 1)) {
            const char *digit = line + sizeof name - 1;
            while (*digit == ' ') digit += 1;
            if (*digit < '0' || *digit > '9') return -1;
            for (; *digit >= '0' && *digit <= '9'; digit += 1) {
                bodyLength = bodyLength * 10 + (size_t)(*digit - '0');
                if (bodyLength > INPUT_MAX) return -1;
            }
        } else if ((*line | 0x20) == 't' && !strncasecmp(line, "transfer-encoding:", 18)) {
            return -1;
        }
        line = memchr(line, '\n', (size_t)(end + 1 - line));
    }
    head->body = end + 4;
    head->bodyLength = bodyLength;
    head->length = (size_t)(head->body - input) + bodyLength;
    if (head->length > INPUT_MAX) return -1;
    return connection->inputLength >= head->length;
}

static void sendOutput(struct connection *connection) {
    if (!connection->outputLength || connection->isClosed) return;
    ssize_t sent = write(connection->fd, connection->output, connection->outputLength);
    if (sent < 0 && errno != EAGAIN) {
        closeConnection(connection);
        return;
    }
    if (sent > 0) connection->outputLength -= (size_t)sent;
    bool waits = connection->outputLength > 0;
    if (waits && sent > 0) {
        memmove(connection->output, connection->output + sent, connection->outputLength);
    }
    if (waits != connection->waitsToWrite) {
        connection->waitsToWrite = waits;
        watch(connection->fd, EPOLL_CTL_MOD, waits ? EPOLLOUT : EPOLLIN, connection);
    }
}

// Serves the whole requests of the input, in order.
static void serveInput(struct connection *connection) {
    struct head head;
    while (connection->inputLength > 0 && !connection->awaits && !connection->waitsToWrite) {
        int found = findRequest(connection, &head);
        if (found == 0) break;
        if (found < 0 || !serve(connection, &head)) {
            sendOutput(connection);
            closeConnection(connection);
            return;
        }
        connection->inputLength -= head.length;
        // Rare: a caller that pipelines.
        if (connection->inputLength > 0) {
            memmove(connection->input, connection->input + head.length, connection->inputLength);
        }
        if (connection->outputLength > OUTPUT_MAX / 2) sendOutput(connection);
    }
    sendOutput(connection);
}

static void connectionReady(struct connection *connection) {
    if (connection->isClosed) return;
    if (connection->waitsToWrite) {
        sendOutput(connection);
        if (!connection->isClosed && !connection->waitsToWrite) serveInput(connection);
        return;
    }
    size_t room = INPUT_MAX - connection->inputLength;
    // A caller that pipelines more than fits would make this loop spin: it is not served.
    ssize_t got = room ? read(connection->fd, connection->input + connection->inputLength, room)
                       : 0;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        closeConnection(connection);
        return;
    }
    connection->inputLength += (size_t)got;
    serveInput(connection);
}

static void acceptAll(void) {
    int fd;
    while ((fd = accept4(listenerFd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = freeConnections;
        if (connection) {
            freeConnections = connection->next;
        } else if (!(connection = malloc(sizeof *connection))) {
            die("malloc");
        }
        // Only the fields: the buffers' pages are touched when they are used.
        memset(connection, 0, offsetof(struct connection, input));
        connection->fd = fd;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN, connection);
    }
}

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void startListening(const char *port) {
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = loopback(port);
    int on = 1;
    epollFd = epoll_create1(EPOLL_CLOEXEC);
    listenerFd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (epollFd < 0 || listenerFd < 0) die("socket");
    setsockopt(listenerFd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listenerFd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listenerFd, 4096) < 0) die("listen");
    watch(listenerFd, EPOLL_CTL_ADD, EPOLLIN, &listenerFd);
}

__attribute__((noreturn)) static void run(void (*turnBegan)(void)) {
    static struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(epollFd, events, EVENTS_MAX, -1);
        if (count < 0 && errno != EINTR) die("epoll_wait");
        turnBegan();
        for (int index = 0; index < count; index += 1) {
            void *pointer = events[index].data.ptr;
            if (pointer == &listenerFd) {
                acceptAll();
            } else if (pointer == &epollFd) {
                // The loop's own address stands for what is no caller's.
                otherReady(pointer);
            } else {
                connectionReady(pointer);
            }
        }
        turnEnded();
        while (closedConnections) {
            struct connection *connection = closedConnections;
            closedConnections = connection->next;
            connection->next = freeConnections;
            freeConnections = connection;
        }
    }
}
