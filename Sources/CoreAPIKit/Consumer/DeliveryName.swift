/// Which delivery of which entry: an entry that was delivered again is not the earlier consumer's
/// any more, even if it is the same one.
struct DeliveryName: Hashable {
    /// The entry's id.
    let id: String
    /// 1 for the first delivery.
    let attempt: Int

    /// As the scripts have it: `1636027031123-0 2`.
    var text: String { "\(id) \(attempt)" }
}
