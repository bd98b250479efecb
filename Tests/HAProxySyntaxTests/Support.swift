import Glibc
import HAProxySyntax
import Primitives
import Testing

let environment = HAProxyParsingEnvironment(environmentVariable: { name in
    ["PORT": "7001", "ADDRESS": "192.0.2.1", "FD": "7"][name]
})

func parse(_ texts: String...) -> ParsedHAProxy {
    let sources = texts.enumerated().map { index, text in
        SourceText(path: index == 0 ? "h.cfg" : "h\(index).cfg", text: text)
    }
    return HAProxyParser.parse(sources, environment: environment)
}

/// The diagnostics as an operator sees them.
func said(_ texts: String...) -> [String] {
    let sources = texts.map { SourceText(path: "h.cfg", text: $0) }
    return HAProxyParser.parse(sources, environment: environment).diagnostics.map(\.description)
}

/// Timeouts, so that a file says nothing about them.
let timeouts = "timeout connect 5s\ntimeout client 30s\ntimeout server 30s\n"

/// A proxy with the lines of `body`, above one server.
func listen(_ body: String) -> String {
    "listen l\nbind 192.0.2.1:80\n\(timeouts)\(body)\nserver s 192.0.2.2:80\n"
}

/// The one proxy of a file that must load.
func proxy(_ text: String) throws -> ProxySection {
    let parsed = parse(text)
    let configuration = try #require(
        parsed.configuration,
        "\(parsed.diagnostics.map(\.description))"
    )
    return try #require(configuration.proxies.first)
}

/// The bytes of a file beside the tests.
func fixture(_ name: String, file: String = #filePath) -> [UInt8] {
    let tests = file.split(separator: "/").dropLast(2).joined(separator: "/")
    guard let stream = unsafe fopen("/\(tests)/Fixtures/\(name)", "r") else {
        Issue.record("can't read \(name)")
        return []
    }
    defer { unsafe fclose(stream) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = unsafe fread(&buffer, 1, buffer.count, stream)
        guard count > 0 else { return bytes }
        bytes += buffer[..<count]
    }
}

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
