// Signatures verified by libcrypto's EVP_DigestVerify alone.
#pragma once
#include <stddef.h>

typedef struct bare_key bare_key;

// A key that is kept for good. The hash is nil for Ed25519. Nil for a PEM that is no private key.
bare_key *bare_key_new(const char *pem, const char *hash, int is_pss);

// 1 if the signature, in libcrypto's form, is one of the message.
int bare_key_verify(const bare_key *key, const unsigned char *message, size_t count,
                    const unsigned char *signature, size_t signature_count);
