// SHA-256 and the constant-time comparison of libcrypto. The plain SHA256_* functions are marked
// as deprecated in OpenSSL 3, but are kept: docs/decisions/0003-sha256-contexts.md says why we use them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

// Public keys and signatures of tokens, and their private keys in PEM, by libcrypto.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

// TLS of connections to Redis, by libssl.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Macros made by macros, which Swift does not see.
static const int EVP_PKEY_PUBLIC_KEY_VALUE = EVP_PKEY_PUBLIC_KEY;
static const uint64_t SSL_OP_NO_RENEGOTIATION_VALUE = SSL_OP_NO_RENEGOTIATION;
