internal import COpenSSL

/// The TLS session of one connection, without its socket. libssl reads from memory and writes to
/// memory; the connection's owner moves the bytes between the session and the socket. Socket reads
/// and writes are therefore the same with and without TLS (docs/decisions/0012-tls-in-memory.md).
@safe package final class TLSSession {
    /// An `SSL`. It owns both `BIO`s.
    private let session: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// The first byte that the server has sent.
    private var firstByte: UInt8?
    /// The plaintext of one record.
    private var plaintext = [UInt8](repeating: 0, count: TLSSession.recordBytesMax)
    /// Encrypted bytes for the kernel, and how many of them the kernel has taken.
    private var ciphertext: [UInt8] = []
    private var sent = 0

    /// Largest plaintext of a record (RFC 8446 §5.1).
    private static let recordBytesMax = 16 * 1024
    /// Largest plaintext of one `write`. At most twice as much ciphertext waits for the kernel.
    private static let writeBytesMax = 64 * 1024

    /// Throws if libssl does not accept the host.
    ///
    /// - Parameter host: the name or address that the server's certificate must contain.
    package init(_ context: TLSContext, host: String) throws(TLSError) {
        guard let session = unsafe SSL_new(context.context),
            let incoming = unsafe BIO_new(BIO_s_mem()), let outgoing = unsafe BIO_new(BIO_s_mem())
        else { fatalError("TLSSession.init: libssl is out of memory") }
        unsafe SSL_set_bio(session, incoming, outgoing)
        unsafe SSL_set_connect_state(session)
        (unsafe self.session, unsafe self.incoming, unsafe self.outgoing) =
            (unsafe session, unsafe incoming, unsafe outgoing)
        try expect(host)
    }

    deinit { unsafe SSL_free(session) }

    private func expect(_ host: String) throws(TLSError) {
        let rules = unsafe SSL_get0_param(session)
        // The subject's CN is ignored: only alternative names count (RFC 9525 §2).
        unsafe X509_VERIFY_PARAM_set_hostflags(
            rules,
            UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 { return }
        // libssl refuses a name that contains a zero byte.
        guard unsafe X509_VERIFY_PARAM_set1_host(rules, host, host.utf8.count) == 1 else {
            throw .failed("the host is no valid name")
        }
        // Server Name Indication: selects one of the server's certificates (RFC 6066 §3).
        var name = Array(host.utf8CString)
        unsafe name.withUnsafeMutableBytes { name in
            _ = unsafe SSL_ctrl(
                session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name),
                name.baseAddress)
        }
    }

    // MARK: - From the server

    /// Takes encrypted bytes that the socket received.
    package func receive(_ bytes: Span<UInt8>) {
        guard !bytes.isEmpty else { return }
        if firstByte == nil { firstByte = bytes[0] }
        let count = unsafe bytes.withUnsafeBytes { bytes in
            unsafe BIO_write(incoming, bytes.baseAddress, Int32(bytes.count))
        }
        precondition(Int(count) == bytes.count, "TLSSession.receive: BIO_write is out of memory")
    }

    /// Continues the handshake with the bytes received so far. True once the handshake is complete.
    /// Call `flush` afterwards, also after an error: an alert may wait in the output.
    package func shakeHands() throws(TLSError) -> Bool {
        // A TLS server's first record is a handshake record or an alert (RFC 8446 §5.1).
        if let firstByte, firstByte != SSL3_RT_HANDSHAKE, firstByte != SSL3_RT_ALERT {
            throw .serverWithoutTLS
        }
        ERR_clear_error()
        let result = unsafe SSL_do_handshake(session)
        if result == 1 { return true }
        guard unsafe SSL_get_error(session, result) == SSL_ERROR_WANT_READ else { throw error() }
        return false
    }

    /// Decrypts the received bytes and passes each record's plaintext to `body`. False if the
    /// server has sent `close_notify`.
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

    /// Whether `write` may be called: the kernel has taken the ciphertext of the last `flush`, and
    /// the output since then is below the limit.
    package var hasRoom: Bool {
        unsafe ciphertext.isEmpty && BIO_ctrl_pending(outgoing) < TLSSession.writeBytesMax
    }

    /// Encrypts the buffer's bytes from `position` on and returns how many it took. `flush` sends
    /// the ciphertext.
    package func write(_ bytes: [UInt8], from position: Int) throws(SystemError) -> Int {
        let count = min(bytes.count - position, TLSSession.writeBytesMax)
        ERR_clear_error()
        let written = unsafe bytes.withUnsafeBytes { buffer in
            unsafe SSL_write(session, buffer.baseAddress?.advanced(by: position), Int32(count))
        }
        // SSL_write to memory takes all bytes, unless the session has failed before.
        guard Int(written) == count else {
            ERR_clear_error()
            throw SystemError(code: SystemError.protocolError, call: "SSL_write")
        }
        return count
    }

    /// Whether libssl holds output that `flush` has not collected.
    package var hasOutput: Bool { unsafe BIO_ctrl_pending(outgoing) > 0 }

    /// Sends the collected output. True if the kernel took all of it.
    ///
    /// - Parameter send: passes the bytes from a position on to the kernel. It returns how many the
    ///   kernel took, nil if the send would block.
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

    /// Moves libssl's output to `ciphertext`.
    private func collect() {
        let pending = unsafe BIO_ctrl_pending(outgoing)
        guard pending > 0 else { return }
        ciphertext.append(addingCapacity: pending) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                let taken = unsafe BIO_read(outgoing, buffer.baseAddress, Int32(pending))
                precondition(
                    Int(taken) == pending,
                    "TLSSession.collect: BIO_read returned less than BIO_ctrl_pending")
                count = pending
            }
        }
    }
}

extension TLSError {
    /// - Parameter code: from libssl's error queue; 0 if the queue is empty.
    fileprivate init(firstOf code: UInt) {
        let text = TLSError.text(of: code)
        // `tlsv13 alert certificate required`, `sslv3 alert bad certificate`.
        if let alert = text.firstRange(ofASCII: " alert ") {
            self = .refused(String(text[alert.upperBound...]))
        } else {
            self = .failed(text)
        }
    }

    /// The text of an error code of libssl or libcrypto.
    package static func text(of code: UInt) -> String {
        unsafe ERR_reason_error_string(code).map { unsafe String(cString: $0) }
            ?? "error \(code)"
    }
}
