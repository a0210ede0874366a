/// Contents that may change while the server runs.
protocol WatchedContents {
    /// Looks for a change.
    ///
    /// - Parameter isAsked: whether SIGHUP asks for it: the contents are complete.
    mutating func look(isAsked: Bool)
}
