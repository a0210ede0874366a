#include "bare-signature.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

// A context that is prepared once and copied for each signature, as the library prepares its own:
// EVP_DigestVerifyInit for each of them looks up algorithms, which takes longer than their hash.
struct bare_key {
    EVP_MD_CTX *prepared;
    EVP_MD_CTX *used;
};

bare_key *bare_key_new(const char *pem, const char *hash, int is_pss) {
    BIO *source = BIO_new_mem_buf(pem, -1);
    bare_key *made = OPENSSL_zalloc(sizeof *made);
    EVP_PKEY *key = source == NULL ? NULL : PEM_read_bio_PrivateKey(source, NULL, NULL, NULL);
    EVP_PKEY_CTX *options = NULL;
    const EVP_MD *digest = hash == NULL ? NULL : EVP_get_digestbyname(hash);
    BIO_free(source);
    if (key == NULL || made == NULL) return NULL;
    made->prepared = EVP_MD_CTX_new();
    made->used = EVP_MD_CTX_new();
    if (made->prepared == NULL || made->used == NULL) return NULL;
    if (EVP_DigestVerifyInit(made->prepared, &options, digest, NULL, key) != 1) return NULL;
    if (is_pss
        && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1
            || EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
        return NULL;
    }
    return made;
}

int bare_key_verify(const bare_key *key, const unsigned char *message, size_t count,
                    const unsigned char *signature, size_t signature_count) {
    return EVP_MD_CTX_copy_ex(key->used, key->prepared) == 1
        && EVP_DigestVerify(key->used, signature, signature_count, message, count) == 1;
}
