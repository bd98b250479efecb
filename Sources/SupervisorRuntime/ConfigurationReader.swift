import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO
import Primitives
import Supervision

/// The `tandem` block of keepalived.conf, and what is wrong with the file.
struct ConfigurationReader {
    /// Nil: the file has errors.
    var settings: SupervisionSettings?
    var diagnostics: [Diagnostic]

    init(file: String) {
        do throws(SystemCallError) {
            let source = SourceText(path: file, bytes: try readFile(file))
            let parsed = KeepalivedParser.parse(source, environment: Self.environment(of: file))
            diagnostics = parsed.diagnostics.filter { $0.severity == .error }
            settings = parsed.configuration.map { SupervisionSettings($0.tandem) }
        } catch {
            diagnostics = [
                Diagnostic(
                    .error,
                    at: nil,
                    "\(error)",
                    mend: "name a readable file by --keepalived"
                )
            ]
            settings = nil
        }
    }

    /// Programs and users are the agent's to check: it runs the scripts.
    private static func environment(of file: String) -> ParsingEnvironment {
        let directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        return ParsingEnvironment(
            readFiles: { pattern in
                files(matching: pattern.hasPrefix("/") ? pattern : directory + pattern)
            },
            programExists: { _ in .found },
            userExists: { _ in true },
            hostname: hostname(),
            environmentVariable: { name in
                unsafe getenv(name).map { unsafe String(cString: $0) }
            }
        )
    }

    private static func files(matching pattern: String) -> [SourceText] {
        var text = [UInt8](repeating: 0, count: 65536)
        let count = unsafe text.withUnsafeMutableBytes { raw in
            unsafe tandem_glob(
                pattern,
                raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                raw.count
            )
        }
        guard count > 0 else { return [] }
        return text.split(separator: 0).prefix(Int(count)).compactMap { bytes in
            let path = String(decoding: bytes, as: UTF8.self)
            return (try? readFile(path)).map { SourceText(path: path, bytes: $0) }
        }
    }

    private static func hostname() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension SupervisionSettings {
    init(_ block: TandemSettings) {
        self.init()
        proxyWatchdog = block.proxyWatchdog
        restartLimit = block.restartLimit
        restartWindow = block.restartWindow
        restartGrace = block.restartGrace
        fatalRetry = block.fatalRetry
        failoverHold = block.failoverHold
        onTakeover =
            switch block.onTakeover {
            case .refresh: .refresh
            case .reload: .reload
            case .restart: .restart
            }
        degradesWithoutServers = block.onNoServers == .degrade
    }
}
