internal import COpenSSL

/// TLS of one connection, without its socket: libssl reads from memory and writes to memory, and
/// the connection's owner carries the bytes. So the socket is read and written as it is without
/// TLS (docs/decisions/0012-tls-in-memory.md).
@safe package final class TLSSession {
    /// An `SSL`; it owns both `BIO`s.
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// The first byte that the server has sent.
    private var firstByte: UInt8?
    /// What one record says.
    private var plaintext = [UInt8](repeating: 0, count: TLSSession.recordBytesMax)
    /// What is to be sent, and how much of it the kernel has taken.
    private var ciphertext: [UInt8] = []
    private var sent = 0

    /// RFC 8446 §5.1.
    private static let recordBytesMax = 16 * 1024
    /// How much is encrypted at once; before the kernel has taken it, there is at most twice as
    /// much.
    private static let writeBytesMax = 64 * 1024

    /// - Parameter host: the name or address that the server's certificate must be for.
    package init(_ context: TLSContext, host: String) {
        guard let session = unsafe SSL_new(context.context),
            let incoming = unsafe BIO_new(BIO_s_mem()), let outgoing = unsafe BIO_new(BIO_s_mem())
        else { fatalError("out of memory") }
        unsafe SSL_set_bio(session, incoming, outgoing)
        unsafe SSL_set_connect_state(session)
        (unsafe self.session, unsafe self.incoming, unsafe self.outgoing) =
            (unsafe session, unsafe incoming, unsafe outgoing)
        expect(host)
    }

    deinit { unsafe SSL_free(session) }

    private func expect(_ host: String) {
        let rules = unsafe SSL_get0_param(session)
        // The subject's CN is never a name: alternative names alone count (RFC 9525 §2).
        unsafe X509_VERIFY_PARAM_set_hostflags(
            rules,
            UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 { return }
        let isSet = unsafe X509_VERIFY_PARAM_set1_host(rules, host, host.utf8.count)
        precondition(isSet == 1, "a host has no byte that a name may not have")
        // Which certificate a server with several is to show (RFC 6066 §3).
        var name = Array(host.utf8CString)
        unsafe name.withUnsafeMutableBytes { name in
            _ = unsafe SSL_ctrl(
                session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                name.baseAddress)
        }
    }

    // MARK: - From the server

    /// Takes bytes as the network brought them.
    package func receive(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return }
        if firstByte == nil { firstByte = bytes[0] }
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
        }
        precondition(Int(count) == bytes.count, "out of memory")
    }

    /// Goes on with the handshake as far as the received bytes allow; then there may be something
    /// to send, after an error too. True once it is done.
    package func shakeHands() throws(TLSError) -> Bool {
        // A TLS server's first record is of a handshake, or an alert (RFC 8446 §5.1).
        if let firstByte, firstByte != SSL3_RT_HANDSHAKE, firstByte != SSL3_RT_ALERT {
            throw .serverWithoutTLS
        }
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(session)
        if result == 1 { return true }
        guard unsafe SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw error() }
        return false
    }

    /// Hands on what the received bytes say, record by record; false if the server says that
    /// nothing more will come.
    package func read(_ body: (Span<UInt8>) -> Void) throws(TLSError) -> Bool {
        while true {
            ERR_clear_error()
            let count = unsafe plaintext.withUnsafeMutableBytes { buffer in
                unsafe SSL_read(session, buffer.baseAddress, Int32(buffer.count))
            }
            guard count > 0 else {
                switch unsafe SSL_get_error(session, count) {
                case SSL_ERROR_WANT_READ: return true
                case SSL_ERROR_ZERO_RETURN: return false
                default: throw error()
                }
            }
            body(plaintext.span.extracting(0..<Int(count)))
        }
    }

    private func error() -> TLSError {
        defer { ERR_clear_error() }
        let verified = unsafe SSL_get_verify_result(session)
        switch Int32(verified) {
        case X509_V_OK: return TLSError(firstOf: ERR_get_error())
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: return .hostMismatch
        default:
            return .certificateInvalid(
                unsafe String(cString: X509_verify_cert_error_string(verified)))
        }
    }

    // MARK: - To the server

    /// Whether more may be encrypted: the kernel has taken what `flush` had, and what came since is
    /// little.
    package var hasRoom: Bool {
        unsafe ciphertext.isEmpty && BIO_ctrl_pending(outgoing) < TLSSession.writeBytesMax
    }

    /// Encrypts from the buffer's position on: how many bytes, which `flush` then sends.
    package func write(_ bytes: [UInt8], from position: Int) throws(SystemError) -> Int {
        let count = min(bytes.count - position, TLSSession.writeBytesMax)
        ERR_clear_error()
        let written = unsafe bytes.withUnsafeBytes { buffer in
            unsafe SSL_write(session, buffer.baseAddress?.advanced(by: position), Int32(count))
        }
        // Memory takes all of it, unless the session has failed before.
        guard Int(written) == count else {
            ERR_clear_error()
            throw SystemError(code: SystemError.protocolError, call: "SSL_write")
        }
        return count
    }

    /// Whether libssl has written something that `flush` has not taken.
    package var hasOutput: Bool { unsafe BIO_ctrl_pending(outgoing) > 0 }

    /// Sends what is to be sent; whether that was all.
    ///
    /// - Parameter send: hands the bytes from a position on to the kernel: how many it took, nil if
    ///   it takes none now.
    package func flush(_ send: ([UInt8], Int) throws(SystemError) -> Int?) throws(SystemError)
        -> Bool
    {
        collect()
        while sent < ciphertext.count {
            guard let count = try send(ciphertext, sent) else { return false }
            sent += count
        }
        sent = 0
        ciphertext.removeAll(keepingCapacity: true)
        return true
    }

    /// Takes what libssl has written.
    private func collect() {
        let pending = unsafe BIO_ctrl_pending(outgoing)
        guard pending > 0 else { return }
        ciphertext.append(addingCapacity: pending) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                let taken = unsafe BIO_read(outgoing, buffer.baseAddress, Int32(pending))
                precondition(Int(taken) == pending, "what is pending can be read")
                count = pending
            }
        }
    }
}

extension TLSError {
    /// - Parameter code: of libssl's list of errors; 0 if there is none.
    fileprivate init(firstOf code: UInt) {
        let text = TLSError.text(of: code)
        // `tlsv13 alert certificate required`, `sslv3 alert bad certificate`.
        if let alert = text.place(of: " alert ") {
            self = .refused(String(text[alert.upperBound...]))
        } else {
            self = .failed(text)
        }
    }

    /// An error of libssl or libcrypto in words.
    package static func text(of code: UInt) -> String {
        unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
            ?? "error \(code)"
    }
}
