internal import CFuzzer
internal import Foundation

/// The program that libFuzzer drives: one of the targets, chosen by the environment variable
/// `FUZZ_TARGET`, so that the processes that libFuzzer starts of itself have the same one.
///
/// The arguments are libFuzzer's own. `scripts/fuzz.sh` gives them.
@main
enum FuzzProgram {
    private static let target: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            fatalError("FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue))")
        }
        return target
    }()

    static func main() {
        _ = target
        var count = CommandLine.argc
        // Optional as C declares it, though no argument is nil.
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? =
            unsafe CommandLine.unsafeArgv
        let status = unsafe LLVMFuzzerRunDriver(&count, &arguments) { data, size in
            let bytes = unsafe [UInt8](UnsafeBufferPointer(start: data, count: size))
            FuzzProgram.target.run(bytes)
            return 0
        }
        exit(status)
    }
}
