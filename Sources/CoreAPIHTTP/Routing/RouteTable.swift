internal import CoreAPIBase

/// The method and the path of an endpoint. A path ends in a parameter if its last segment is in
/// braces: `/transaction/{id}`.
package struct Route<Endpoint: Sendable>: Sendable {
    package let method: HTTPMethod
    package let path: String
    package let endpoint: Endpoint

    package init(_ method: HTTPMethod, _ path: String, _ endpoint: Endpoint) {
        self.method = method
        self.path = path
        self.endpoint = endpoint
    }
}

/// The endpoints of a server by path and method.
///
/// `GET` answers `HEAD` too (RFC 9110 §9.3.2), and every resource answers `OPTIONS`.
package struct RouteTable<Endpoint: Sendable>: Sendable {
    /// The endpoints that share a path.
    package final class Resource: Sendable {
        /// The path of the routes, which is also the resource's name in metrics and logs.
        package let path: String
        /// The value of `Allow` (RFC 9110 §10.2.1): `GET, HEAD, OPTIONS`.
        package let allow: String
        package let routes: [Route<Endpoint>]
        /// The methods of the routes, at the same indices.
        package let methods: [HTTPMethod]
        fileprivate init(_ path: String, _ routes: [Route<Endpoint>]) {
            self.path = path
            self.routes = routes
            methods = routes.map(\.method)
            allow = RouteTable.allow(methods)
        }
    }

    /// The resources in the order of their first routes. `Match.resource` is an index of it.
    package let resources: [Resource]
    @usableFromInline package let paths: PathTable

    package init(_ routes: [Route<Endpoint>]) {
        var paths: [String] = []
        for route in routes where !paths.contains(route.path) { paths.append(route.path) }
        resources = paths.map { path in Resource(path, routes.filter { $0.path == path }) }
        self.paths = PathTable(paths)
    }

    /// The value of `Allow` for these methods.
    package static func allow(_ methods: [HTTPMethod]) -> String {
        var names: [String] = []
        for method in methods {
            names.append(method.rawValue)
            if method == .get { names.append(HTTPMethod.head.rawValue) }
        }
        return (names + [HTTPMethod.options.rawValue]).joined(separator: ", ")
    }

    /// The resource of a path: see `PathTable.match`.
    @inlinable @inline(__always)
    package func match(_ path: Range<Int>, _ bytes: Span<UInt8>) -> PathTable.Match? {
        paths.match(path, bytes)
    }
}

extension [HTTPMethod] {
    /// The index of the method, or of `GET` for `HEAD`; nil without either.
    package func index(answering method: HTTPMethod) -> Int? {
        firstIndex { $0 == method || (method == .head && $0 == .get) }
    }
}

/// The paths of a route table. The type is not nested in the generic `RouteTable`, because a
/// generic function of another module requests metadata from the runtime at each call.
package struct PathTable: Sendable {
    /// The concatenated paths, without their parameters.
    private let starts: [UInt8]
    /// The end of each path in `starts`.
    private let startEnds: [Int]
    private let hasParameter: [Bool]

    fileprivate init(_ paths: [String]) {
        var starts: [UInt8] = []
        var ends: [Int] = []
        for path in paths {
            starts += path.utf8.prefix { $0 != UInt8(ascii: "{") }
            ends.append(starts.count)
        }
        self.starts = starts
        startEnds = ends
        hasParameter = paths.map { $0.utf8.last == UInt8(ascii: "}") }
    }

    /// The index of a resource, and the value of its parameter.
    package struct Match: Equatable {
        package let resource: Int
        /// Empty for a path without a parameter.
        package let parameter: [UInt8]
    }

    /// The resource of a path; nil if no route has the path.
    ///
    /// Percent-encoded unreserved characters are decoded (RFC 3986 §6.2.2.2). Other characters stay
    /// encoded: `%2F` does not match a slash. `HTTPLimits.targetBytesMax` bounds the path.
    package func match(_ path: Range<Int>, _ bytes: Span<UInt8>) -> Match? {
        if let match = exactMatch(bytes.extracting(path)),
            !match.parameter.contains(UInt8(ascii: "%"))
        {
            return match
        }
        guard ASCII.find(UInt8(ascii: "%"), path, of: bytes) != nil else { return nil }
        return exactMatch(Grammar.normalized(path, bytes).span)
    }

    private func exactMatch(_ path: Span<UInt8>) -> Match? {
        var begin = 0
        for index in startEnds.indices {
            let end = startEnds[index]
            defer { begin = end }
            let count = end - begin
            guard path.count >= count, path[count - 1] == starts[end - 1],
                ASCII.equal(starts.span.extracting(begin..<end), 0..<count, of: path)
            else { continue }
            if path.count == count {
                if !hasParameter[index] { return Match(resource: index, parameter: []) }
            } else if hasParameter[index],
                ASCII.find(UInt8(ascii: "/"), count..<path.count, of: path) == nil
            {
                return Match(resource: index, parameter: (count..<path.count).map { path[$0] })
            }
        }
        return nil
    }
}
