/// The results of an operation on each element, all at once, in the order of the elements.
func concurrently<Element: Sendable, Value: Sendable, Failure: Error>(
    _ elements: [Element],
    _ operation: @escaping @Sendable (Element) async throws(Failure) -> Value
) async -> [Result<Value, Failure>] {
    await withTaskGroup(of: (Int, Result<Value, Failure>).self) { group in
        for (index, element) in elements.enumerated() {
            group.addTask {
                do throws(Failure) {
                    return (index, .success(try await operation(element)))
                } catch {
                    return (index, .failure(error))
                }
            }
        }
        var results: [Int: Result<Value, Failure>] = [:]
        for await (index, result) in group { results[index] = result }
        return elements.indices.compactMap { results[$0] }
    }
}
