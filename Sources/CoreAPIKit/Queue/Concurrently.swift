/// The results of an operation on each element, in the order of the elements.
///
/// - Parameter atOnce: how many operations are under way at most.
func concurrently<Element: Sendable, Value: Sendable, Failure: Error>(
    _ elements: [Element], atOnce: Int = .max,
    _ operation: @escaping @Sendable (Element) async throws(Failure) -> Value
) async -> [Result<Value, Failure>] {
    var results: [Int: Result<Value, Failure>] = [:]
    await withTaskGroup(of: (Int, Result<Value, Failure>).self) { group in
        for (index, element) in elements.enumerated() {
            if index >= atOnce, let (index, result) = await group.next() { results[index] = result }
            group.addTask {
                do throws(Failure) { return (index, .success(try await operation(element))) } catch
                {
                    return (index, .failure(error))
                }
            }
        }
        for await (index, result) in group { results[index] = result }
    }
    return elements.indices.compactMap { results[$0] }
}
