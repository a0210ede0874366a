internal import COpenSSL
internal import Glibc

/// The TLS configuration that all connections to a server share: certificates and verification
/// rules.
///
/// Sendable because the context is immutable after `init`: libssl counts its references atomically.
@safe package final class TLSContext: @unchecked Sendable {
    /// An `SSL_CTX`.
    package let context: OpaquePointer

    /// Reads the certificate files. The calling thread blocks.
    package init(_ options: TLSOptions) throws(TLSOptionsError) {
        // libcrypto must not clean up in `atexit`: the loops' threads still run then and would use
        // freed memory.
        OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
        guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
            fatalError("TLSContext.init: libssl is out of memory")
        }
        unsafe self.context = context
        let isSet = unsafe SSL_CTX_ctrl(
            context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        precondition(isSet == 1, "TLSContext.init: libssl does not support TLS 1.2")
        // Renegotiation is off: a second handshake would make a write wait for a read.
        unsafe SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION_VALUE)
        unsafe SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        try trust(options.authorityFile)
        if let certificate = options.clientCertificate { try use(certificate) }
    }

    deinit { unsafe SSL_CTX_free(context) }

    private func trust(_ authorityFile: String?) throws(TLSOptionsError) {
        guard let path = authorityFile else {
            // Without the system's certificate folder, no server certificate is trusted.
            unsafe SSL_CTX_set_default_verify_paths(context)
            return
        }
        guard TLSContext.mayBeRead(path) else {
            throw .authorityFile(path, reason: TLSContext.notRegular)
        }
        ERR_clear_error()
        guard unsafe SSL_CTX_load_verify_locations(context, path, nil) == 1 else {
            throw .authorityFile(path, reason: TLSContext.reason(for: "certificate"))
        }
    }

    private func use(_ certificate: TLSOptions.ClientCertificate) throws(TLSOptionsError) {
        guard TLSContext.mayBeRead(certificate.file) else {
            throw .certificateFile(certificate.file, reason: TLSContext.notRegular)
        }
        guard TLSContext.mayBeRead(certificate.keyFile) else {
            throw .keyFile(certificate.keyFile, reason: TLSContext.notRegular)
        }
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate_chain_file(context, certificate.file) == 1 else {
            throw .certificateFile(
                certificate.file, reason: TLSContext.reason(for: "certificate"))
        }
        // Without this callback libcrypto prompts for a passphrase on the terminal.
        unsafe SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
        let path = certificate.keyFile
        guard unsafe SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1 else {
            throw .keyFile(path, reason: TLSContext.reason(for: "private key"))
        }
    }

    private static let notRegular = "it is not a regular file"

    /// False for a pipe, a directory or a device: libcrypto would wait for a pipe's writer. True
    /// for a file that is not there, whose reason libcrypto gives.
    private static func mayBeRead(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return true }
        return status.st_mode & S_IFMT == S_IFREG
    }

    /// The reason why libcrypto rejected a file: the first error of this thread's queue.
    private static func reason(for content: String) -> String {
        let error = ERR_get_error()
        defer { ERR_clear_error() }
        if ERR_GET_LIB(error) == ERR_LIB_SYS {
            return SystemError(code: ERR_GET_REASON(error), call: "open").description
        }
        if ERR_GET_LIB(error) == ERR_LIB_X509, ERR_GET_REASON(error) == X509_R_KEY_VALUES_MISMATCH {
            return "it is not the key of the certificate"
        }
        return "it is no \(content) in PEM that can be used (\(TLSError.text(of: error)))"
    }
}
