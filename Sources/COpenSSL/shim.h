// SHA-256 and the constant-time comparison of libcrypto. The plain SHA256_* functions are marked
// as deprecated in OpenSSL 3, but are kept: docs/decisions/0003-sha256-contexts.md says why we use them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>
