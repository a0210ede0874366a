internal import CoreAPIBase

/// An answer: status, the application's fields, body.
package struct Response {
    package var status: HTTPStatus
    /// The media type; nil for an answer without content.
    package var contentType: StaticString?
    /// The application's fields, each preceded by CR LF, then the body. One buffer instead of two
    /// saves an allocation.
    let content: [UInt8]
    let bodyStart: Int

    package init(
        status: HTTPStatus, contentType: StaticString? = nil,
        fields: ResponseFields = ResponseFields(), body: [UInt8] = []
    ) {
        self.status = status
        self.contentType = contentType
        bodyStart = fields.bytes.count
        content = fields.bytes.isEmpty ? body : fields.bytes + body
    }

    /// - Parameters:
    ///   - content: the lines of `ResponseFields`, then the body.
    ///   - bodyStart: the length of the field lines in bytes.
    package init(
        status: HTTPStatus, contentType: StaticString, content: [UInt8], bodyStart: Int
    ) {
        precondition(bodyStart <= content.count, "Response.init: bodyStart exceeds the content")
        self.status = status
        self.contentType = contentType
        self.content = content
        self.bodyStart = bodyStart
    }

    /// The body's bytes.
    package var body: [UInt8] { Array(content[bodyStart...]) }
}

/// The fields that an application adds to an answer, in wire form.
package struct ResponseFields {
    package fileprivate(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameter value: visible ASCII. It is not checked.
    package mutating func add(_ name: StaticString, _ value: String) {
        bytes.append(text: "\r\n")
        bytes.append(text: "\(name): \(value)")
    }
}
