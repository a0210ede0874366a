package import CoreAPIBase

/// Why a request of the client has no response.
package enum HTTPClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The connection failed before a response, or was lost.
    case connection(OutgoingConnectionError)
    /// The exchange was not complete in time.
    case timedOut
    /// The server's bytes are no response that the client accepts.
    case response(HTTPResponseError)

    package var description: String {
        switch self {
        case .connection(.hostNotFound(let reason)): "the host has no address: \(reason)"
        case .connection(.connectFailed(let error)): "no connection: \(error)"
        case .connection(.tlsFailed(let error)): "\(error)"
        case .connection(.ended): "the server ended the connection"
        case .connection(.connectionLost): "the connection was lost"
        case .connection(.timedOut), .timedOut: "no complete answer in time"
        case .response(let error): "the answer is not accepted: \(error.rawValue)"
        }
    }
}
