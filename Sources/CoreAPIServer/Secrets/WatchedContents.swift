/// Contents that may change while the server runs.
protocol WatchedContents: AnyObject {
    /// Looks for a change.
    ///
    /// - Parameter isAsked: whether SIGHUP asks for it: the contents are complete.
    func look(isAsked: Bool)
}
