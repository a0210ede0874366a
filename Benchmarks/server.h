// The part of an HTTP server that constant.c and hand-written.c share: one epoll loop, connections
// with a buffer each way, answers in one write. A program that includes it defines the three
// functions below. One thread, no deadlines, requests of at most 20 KiB.

#include "sockets.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { INPUT_MAX = 20 << 10, OUTPUT_MAX = 16 << 10, EVENTS_MAX = 256 };

struct connection {
    int fd;
    bool awaits;      // its transaction is not yet confirmed: the next request is not parsed
    bool isClosed;    // its memory is kept while events or replies refer to it
    bool waitsToWrite;
    size_t inputLength, outputLength;
    struct connection *next;  // in the list of closed or of free connections
    uint64_t amount, user;    // of its transaction
    char currency[3], id[36];
    char input[INPUT_MAX + 1];  // the checks write a 0 behind the body
    char output[OUTPUT_MAX];
};

struct head {
    const char *body;
    size_t bodyLength, length;  // `length` is that of the whole request
};

// Answers the request or sets `awaits`; false if the connection must be closed.
static bool serve(struct connection *connection, const struct head *head);
// The socket to Redis is ready.
static void otherReady(void *pointer);
// All sockets of this turn have been served.
static void turnEnded(void);

static int epollFd, listenerFd;
static struct connection *closedConnections, *freeConnections;

static void watch(int fd, int operation, uint32_t events, void *pointer) {
    struct epoll_event event = {.events = events, .data.ptr = pointer};
    if (epoll_ctl(epollFd, operation, fd, &event) < 0) die("epoll_ctl");
}

static void closeConnection(struct connection *connection) {
    if (connection->isClosed) return;
    close(connection->fd);
    connection->isClosed = true;
    // Events of this turn and a reply of Redis may refer to it.
    if (!connection->awaits) {
        connection->next = closedConnections;
        closedConnections = connection;
    }
}

// 1 with a whole request, 0 if bytes are missing, -1 if the request's length is unknown.
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
        // Only a caller that pipelines has a next request here.
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
    // A caller that pipelines more than the buffer holds is closed: epoll would report it forever.
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
        setNoDelay(fd);
        struct connection *connection = freeConnections;
        if (connection) {
            freeConnections = connection->next;
        } else if (!(connection = malloc(sizeof *connection))) {
            die("malloc");
        }
        // The buffers are not cleared, so that their pages stay untouched until they are used.
        memset(connection, 0, offsetof(struct connection, input));
        connection->fd = fd;
        watch(fd, EPOLL_CTL_ADD, EPOLLIN, connection);
    }
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
                // The address of `epollFd` stands for Redis.
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
