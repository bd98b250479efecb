import Glibc

/// The numbers of this process's open descriptors that lead to `target` (a prefix of the link's text).
func descriptors(to target: String) -> Set<Int32> {
    var found: Set<Int32> = []
    guard let directory = opendir("/proc/self/fd") else { return found }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        var buffer = [CChar](repeating: 0, count: 512)
        let count = readlink("/proc/self/fd/" + name, &buffer, buffer.count - 1)
        guard count > 0, let number = Int32(name),
            String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
                .hasPrefix(target)
        else {
            continue
        }
        found.insert(number)
    }
    return found
}

/// A directory of its own under /tmp, removed with what the test names.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) rethrows -> Result {
    var template = Array("/tmp/tandem-io-XXXXXX".utf8CString)
    _ = mkdtemp(&template)
    let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                _ = unlink(path + "/" + name)
            }
            closedir(directory)
        }
        _ = rmdir(path)
    }
    return try body(path)
}

/// There was nothing where the test needs something.
struct Missing: Error {}

/// `#require` for what can't be copied.
func present<Value: ~Copyable>(_ value: consuming Value?) throws -> Value {
    switch consume value {
    case .some(let value): return value
    case .none: throw Missing()
    }
}

/// `== nil` for what can't be copied.
func isAbsent<Value: ~Copyable>(_ value: consuming Value?) -> Bool {
    switch consume value {
    case .some: false
    case .none: true
    }
}
