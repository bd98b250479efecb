import Glibc
import KeepalivedSyntax
import Primitives
import Testing

/// A machine on which only what a test names exists.
func machine(
    files: [String: String] = [:],
    programs: Set<String> = ["/usr/local/bin/check", "/bin/notify", "kill", "sh", "/bin/sh"],
    users: Set<String> = ["root", "nobody", "checker", "keepalived_script"],
    groups: Set<String> = ["root", "nogroup"],
    hostname: String = "node1.example.com"
) -> ParsingEnvironment {
    var machine = ParsingEnvironment(
        hostname: hostname,
        readFiles: { pattern in
            if let star = pattern.firstIndex(of: "*") {
                let prefix = pattern[..<star]
                return files.keys.sorted().filter { $0.hasPrefix(prefix) }
                    .map { .read(SourceText(path: $0, text: files[$0] ?? "")) }
            }
            return files[pattern].map { [.read(SourceText(path: pattern, text: $0))] } ?? []
        },
        environmentVariable: { $0 == "VIP" ? "192.0.2.77" : nil }
    )
    machine.programStatus = { program, _ in
        if program == "/etc/keepalived/not-executable.sh" { return .notExecutable }
        return programs.contains(program) ? .found : .missing
    }
    machine.userExists = { users.contains($0) }
    machine.groupExists = { groups.contains($0) }
    return machine
}

func parse(_ text: String, _ environment: ParsingEnvironment = machine()) -> ParsedKeepalived {
    KeepalivedParser.parse(SourceText(path: "k.conf", text: text), environment: environment)
}

/// The diagnostics as an operator sees them.
func said(_ text: String, _ environment: ParsingEnvironment = machine()) -> [String] {
    parse(text, environment).diagnostics.map(\.description)
}

/// The bytes of a file beside the tests.
func fixture(_ name: String, file: String = #filePath) -> [UInt8] {
    let tests = file.split(separator: "/").dropLast(2).joined(separator: "/")
    return contents(of: "/\(tests)/Fixtures/\(name)")
}

func contents(of path: String) -> [UInt8] {
    guard let file = unsafe fopen(path, "r") else {
        Issue.record("can't read \(path)")
        return []
    }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe fread(&buffer, 1, buffer.count, file)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

/// A router with the lines of `body`, and the checks that it may track.
func instance(_ body: String, scripts: String = "") -> String {
    """
    \(scripts)
    vrrp_instance VI_1 {
        interface eth0
        virtual_router_id 51
        virtual_ipaddress {
            192.0.2.10
        }
    \(body)
    }
    """
}

let checkScript = """
    vrrp_script check {
        script "/usr/local/bin/check"
    }
    """

/// Rewrites a file beside the tests; its change is reviewed as a diff.
func write(_ text: String, to name: String, file: String = #filePath) {
    let tests = file.split(separator: "/").dropLast(2).joined(separator: "/")
    guard let stream = unsafe fopen("/\(tests)/Fixtures/\(name)", "w") else {
        Issue.record("can't write \(name)")
        return
    }
    unsafe fputs(text, stream)
    unsafe fclose(stream)
}
