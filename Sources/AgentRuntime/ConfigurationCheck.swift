import Glibc
import KeepalivedSyntax
import Primitives

/// `tandem-agent -t`: everything that there is to say about a file, and whether it would run.
enum ConfigurationCheck {
    /// The exit status: 0 if the file would run, else 1.
    static func run(_ options: AgentOptions) -> Int32 {
        let file = options.file
        let reader = ConfigurationReader(
            file: file,
            environment: MachineFacts.environment(name: options.name)
        )
        let peer = options.peerFile.map { file in
            // What it refers to is on the other machine.
            ConfigurationReader(
                file: file,
                environment: MachineFacts.otherMachine(name: options.peerName ?? options.name)
            )
        }
        var diagnostics = reader.diagnostics + (peer?.diagnostics ?? [])
        if let configuration = reader.configuration, peer == nil || peer?.configuration != nil {
            diagnostics += KeepalivedLint.findings(
                configuration,
                peer: peer?.configuration
            )
        }
        for diagnostic in diagnostics {
            write(
                "\(diagnostic)\n",
                to: diagnostic.severity == .note ? STDOUT_FILENO : STDERR_FILENO
            )
        }
        let failed = diagnostics.contains { $0.severity == .error }
        if !failed { write("\(file): OK\n", to: STDOUT_FILENO) }
        return failed ? 1 : 0
    }

    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { raw in
                unsafe Glibc.write(descriptor, raw.baseAddress, raw.count)
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
