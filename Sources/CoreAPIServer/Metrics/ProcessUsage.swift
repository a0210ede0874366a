/// The process's resource usage.
struct ProcessUsage: Sendable {
    let cpuNanoseconds: UInt64
    let residentMemoryBytes: UInt64
    let virtualMemoryBytes: UInt64
    let openFiles: UInt64
    let openFilesMax: UInt64
}
