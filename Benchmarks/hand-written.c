// The whole job of Core API by hand, in C, for the bench: the limit that Core API is held to.
//
// epoll, the request's three members, HS256 by libcrypto, the transaction to Redis by a socket of
// its own and hiredis' reader, all commands of one turn of the loop in one write, and a 200 once
// Redis has confirmed. It sends plain commands, the cheapest that enqueue: nothing keeps a
// transaction from being enqueued twice.
//
// usage: JWT_SECRET=… hand-written PORT REDIS-PORT xadd|rq NAME
//
//   xadd  XADD to the stream NAME
//   rq    HSET and RPUSH of a job for the python-rq workers of the queue NAME

#include "server.h"

#include "checks.h"

#include <hiredis/hiredis.h>
#include <sys/random.h>

enum { COMMANDS_MAX = 1 << 20, WAITING_MAX = 1 << 14, COMMAND_MAX = 2048 };

static enum { XADD, RQ } mode;
static const char *queueName;
// Of the queue `NAME` of python-rq: `rq:queue:NAME`.
static char listKey[128];
// How many replies a transaction has, and how many of the next one's are there.
static int repliesEach, repliesRead;

static int redisFd;
static redisReader *reader;
static char commands[COMMANDS_MAX];
static size_t commandsLength;
static bool redisWaitsToWrite;
// The connections whose transactions are sent to Redis, in the order of their commands.
static struct connection *waiting[WAITING_MAX];
static size_t waitingFirst, waitingCount;

// MARK: - Time

static struct timespec now;
static char responseStart[128], timestamp[28];
static size_t responseStartLength;

// Reads the clock, once a turn. The texts are made once a second.
static void noteTime(void) {
    time_t before = now.tv_sec;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != before) {
        struct tm date;
        char text[32];
        gmtime_r(&now.tv_sec, &date);
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S", &date);
        responseStartLength = (size_t)snprintf(
            responseStart, sizeof responseStart,
            "HTTP/1.1 200 OK\r\nDate: %s GMT\r\nContent-Type: application/json\r\n"
            "Content-Length: ", text);
        strftime(timestamp, sizeof timestamp, "%Y-%m-%dT%H:%M:%S.000000Z", &date);
    }
    long microsecond = now.tv_nsec / 1000;
    for (int index = 25; index >= 20; index -= 1, microsecond /= 10) {
        timestamp[index] = (char)('0' + microsecond % 10);
    }
}

// MARK: - Text

static char *put(char *at, const void *bytes, size_t length) {
    memcpy(at, bytes, length);
    return at + length;
}
#define PUT(at, literal) put(at, literal, sizeof literal - 1)

static char *putNumber(char *at, uint64_t number) {
    char digits[20];
    int first = 20;
    do {
        digits[--first] = (char)('0' + number % 10);
    } while (number /= 10);
    return put(at, digits + first, (size_t)(20 - first));
}

// A bulk string of the Redis protocol.
static char *putWord(char *at, const void *bytes, size_t length) {
    *at++ = '$';
    at = putNumber(at, length);
    at = PUT(at, "\r\n");
    at = put(at, bytes, length);
    return PUT(at, "\r\n");
}
#define PUT_WORD(at, literal) putWord(at, literal, sizeof literal - 1)

static char *putNumberWord(char *at, uint64_t number) {
    char digits[20];
    return putWord(at, digits, (size_t)(putNumber(digits, number) - digits));
}

// A random UUID (version 4). One system call gets the bytes of 256.
static void newID(char *text) {
    static uint8_t pool[4096];
    static size_t used = sizeof pool;
    static const char digits[] = "0123456789abcdef";
    if (used == sizeof pool) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool) die("getrandom");
        used = 0;
    }
    uint8_t *bytes = pool + used;
    used += 16;
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    for (int index = 0; index < 16; index += 1) {
        if (index == 4 || index == 6 || index == 8 || index == 10) *text++ = '-';
        *text++ = digits[bytes[index] >> 4];
        *text++ = digits[bytes[index] & 15];
    }
}

// MARK: - Commands

static char *putEntry(char *at, const struct connection *transaction) {
    at = PUT(at, "$2\r\nid\r\n$36\r\n");
    at = put(at, transaction->id, 36);
    at = PUT(at, "\r\n$6\r\namount\r\n");
    at = putNumberWord(at, transaction->amount);
    at = PUT(at, "$8\r\ncurrency\r\n$3\r\n");
    at = put(at, transaction->currency, 3);
    at = PUT(at, "\r\n$7\r\nuser_id\r\n");
    at = putNumberWord(at, transaction->user);
    at = PUT(at, "$10\r\ncreated_at\r\n$27\r\n");
    at = put(at, timestamp, 27);
    return PUT(at, "\r\n");
}

static char *putPickledNumber(char *at, uint64_t number) {
    int bytes = number < 1 << 8 ? 1 : number < 1 << 16 ? 2 : number < 1u << 31 ? 4 : 0;
    if (bytes) {
        *at++ = bytes == 1 ? 'K' : bytes == 2 ? 'M' : 'J';
    } else {
        bytes = (64 - __builtin_clzll(number)) / 8 + 1;
        *at++ = (char)0x8A;
        *at++ = (char)bytes;
    }
    for (int index = 0; index < bytes; index += 1) *at++ = (char)(number >> 8 * index);
    return at;
}

static char *putJobData(char *at, const struct connection *transaction) {
    char data[128], *end = PUT(data, "\x80\x02(X\x19\0\0\0__main__.make_transactionN)}("
        "X\x07\0\0\0user_id");
    end = putPickledNumber(end, transaction->user);
    end = PUT(end, "X\x06\0\0\0" "amount");
    end = putPickledNumber(end, transaction->amount);
    end = PUT(end, "X\x08\0\0\0" "currencyX\x03\0\0\0");
    end = put(end, transaction->currency, 3);
    end = PUT(end, "ut.");
    return putWord(at, data, (size_t)(end - data));
}

static char *putJobDescription(char *at, const struct connection *transaction) {
    char call[128], *end = PUT(call, "__main__.make_transaction(amount=");
    end = putNumber(end, transaction->amount);
    end = PUT(end, ", currency='");
    end = put(end, transaction->currency, 3);
    end = PUT(end, "', user_id=");
    end = putNumber(end, transaction->user);
    *end++ = ')';
    return putWord(at, call, (size_t)(end - call));
}

static char *putXADD(char *at, const struct connection *transaction) {
    at = PUT(at, "*13\r\n$4\r\nXADD\r\n");
    at = putWord(at, queueName, strlen(queueName));
    at = PUT(at, "$1\r\n*\r\n");
    return putEntry(at, transaction);
}

// The fields that workers of python-rq need; a field that is missing is as good as an empty one.
static char *putJob(char *at, const struct connection *transaction) {
    at = PUT(at, "*16\r\n$4\r\nHSET\r\n$43\r\nrq:job:");
    at = put(at, transaction->id, 36);
    at = PUT(at, "\r\n$4\r\ndata\r\n");
    at = putJobData(at, transaction);
    at = PUT(at, "$10\r\ncreated_at\r\n");
    at = putWord(at, timestamp, 27);
    at = PUT(at, "$11\r\nenqueued_at\r\n");
    at = putWord(at, timestamp, 27);
    at = PUT(at, "$11\r\ndescription\r\n");
    at = putJobDescription(at, transaction);
    at = PUT(at, "$6\r\norigin\r\n");
    at = putWord(at, queueName, strlen(queueName));
    at = PUT(at, "$6\r\nstatus\r\n$6\r\nqueued\r\n$7\r\ntimeout\r\n$3\r\n180\r\n");
    at = PUT(at, "*3\r\n$5\r\nRPUSH\r\n");
    at = putWord(at, listKey, strlen(listKey));
    return putWord(at, transaction->id, 36);
}

// MARK: - Requests and answers

static void putAnswer(struct connection *connection) {
    char body[96], *end = PUT(body, "{\"amount\":");
    end = putNumber(end, connection->amount);
    end = PUT(end, ",\"currency\":\"");
    end = put(end, connection->currency, 3);
    end = PUT(end, "\",\"user_id\":");
    end = putNumber(end, connection->user);
    *end++ = '}';
    char *start = connection->output + connection->outputLength;
    char *at = put(start, responseStart, responseStartLength);
    at = putNumber(at, (uint64_t)(end - body));
    at = PUT(at, "\r\nTransaction-Id: ");
    at = put(at, connection->id, 36);
    at = PUT(at, "\r\n\r\n");
    at = put(at, body, (size_t)(end - body));
    connection->outputLength += (size_t)(at - start);
}

static bool refuse(struct connection *connection, int status) {
    int length = sprintf(connection->output + connection->outputLength,
        "HTTP/1.1 %d Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
    connection->outputLength += (size_t)length;
    return false;
}

static bool serve(struct connection *connection, const struct head *head) {
    static const char start[] = "POST /transaction HTTP/1.1\r\n";
    if (memcmp(connection->input, start, sizeof start - 1)) return refuse(connection, 404);
    if (waitingCount == WAITING_MAX || commandsLength + COMMAND_MAX > COMMANDS_MAX) {
        return refuse(connection, 503);
    }
    // The checks stop at a 0. The byte that it replaces may belong to the next request.
    char *end = connection->input + head->length, next = *end;
    *end = 0;
    struct order order;
    int status = checkBody(
        head->body, head->bodyLength, now.tv_sec, &order, &connection->user);
    *end = next;
    if (status) return refuse(connection, status);
    connection->amount = order.amount;
    memcpy(connection->currency, order.currency.start, 3);
    newID(connection->id);
    char *at = commands + commandsLength;
    at = mode == XADD ? putXADD(at, connection) : putJob(at, connection);
    commandsLength = (size_t)(at - commands);
    waiting[(waitingFirst + waitingCount++) % WAITING_MAX] = connection;
    connection->awaits = true;
    return true;
}

// MARK: - Redis

static void writeCommands(void) {
    if (!commandsLength || redisWaitsToWrite) return;
    ssize_t sent = write(redisFd, commands, commandsLength);
    if (sent < 0 && errno != EAGAIN) die("Redis");
    if (sent > 0) commandsLength -= (size_t)sent;
    if (commandsLength > 0) {
        if (sent > 0) memmove(commands, commands + sent, commandsLength);
        redisWaitsToWrite = true;
        watch(redisFd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, &epollFd);
    }
}

static void turnEnded(void) { writeCommands(); }

static void confirm(void) {
    struct connection *connection = waiting[waitingFirst % WAITING_MAX];
    waitingFirst += 1;
    waitingCount -= 1;
    connection->awaits = false;
    if (connection->isClosed) {
        connection->next = closedConnections;
        closedConnections = connection;
        return;
    }
    putAnswer(connection);
    serveInput(connection);
}

static void otherReady(void *pointer) {
    static char replies[64 << 10];
    (void)pointer;
    if (redisWaitsToWrite) {
        redisWaitsToWrite = false;
        watch(redisFd, EPOLL_CTL_MOD, EPOLLIN, &epollFd);
        writeCommands();
    }
    ssize_t got = read(redisFd, replies, sizeof replies);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) die("Redis");
    redisReaderFeed(reader, replies, (size_t)got);
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(reader, &reply) != REDIS_OK) die("Redis's reply");
        if (!reply) break;
        // A reader without functions that build replies returns their types.
        int type = (int)(intptr_t)reply;
        if (type == REDIS_REPLY_ERROR) die("Redis refuses a command");
        repliesRead += 1;
        if (repliesRead == repliesEach) {
            repliesRead = 0;
            confirm();
        }
    }
}

// Connects and registers the queue with python-rq; the socket blocks until then.
static void startRedis(const char *port) {
    redisFd = connected(port);
    if (mode == RQ) {
        char command[256], reply[4];
        char *at = PUT(command, "*3\r\n$4\r\nSADD\r\n$9\r\nrq:queues\r\n");
        at = putWord(at, listKey, strlen(listKey));
        if (write(redisFd, command, (size_t)(at - command)) < 0) die("Redis");
        if (recv(redisFd, reply, 4, MSG_WAITALL) != 4 || reply[0] != ':') die("SADD");
    }
    setNoDelay(redisFd);
    if (fcntl(redisFd, F_SETFL, O_NONBLOCK) < 0) die("fcntl");
    reader = redisReaderCreateWithFunctions(NULL);
    if (!reader) die("hiredis");
    watch(redisFd, EPOLL_CTL_ADD, EPOLLIN, &epollFd);
}

int main(int count, char **arguments) {
    const char *secret = getenv("JWT_SECRET");
    if (count != 5 || !secret || strlen(arguments[4]) > 64) return 64;
    mode = strcmp(arguments[3], "rq") ? XADD : RQ;
    repliesEach = mode == XADD ? 1 : 2;
    queueName = arguments[4];
    snprintf(listKey, sizeof listKey, "rq:queue:%s", queueName);
    prepareChecks(secret);
    noteTime();
    startListening(arguments[1]);
    startRedis(arguments[2]);
    run(noteTime);
}
