import Glibc

/// The source tree that this test was built from.
enum SourceTree {
    static let root: String = #filePath.split(separator: "/").dropLast(3).reduce("") {
        $0 + "/" + $1
    }

    static func read(_ path: String) -> String? {
        guard let file = fopen(root + "/" + path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            bytes.append(contentsOf: chunk[0..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The paths of all files under a directory that end in one of these, sorted.
    static func files(under directory: String, endings: [String] = [".swift"]) -> [String] {
        guard let handle = opendir(root + "/" + directory) else { return [] }
        defer { closedir(handle) }
        var found: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            let path = directory + "/" + name
            if entry.pointee.d_type == UInt8(DT_DIR) {
                found += files(under: path, endings: endings)
            } else if endings.contains(where: { name.hasSuffix($0) }) {
                found.append(path)
            }
        }
        return found.sorted()
    }

    /// The lines of a file with their numbers, counted from 1.
    static func lines(of path: String) -> [(number: Int, text: Substring)] {
        let text = read(path) ?? ""
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
            ($0.offset + 1, $0.element)
        }
    }

    /// Where a text stands in these files, as `PATH:LINE`.
    static func places(of texts: [String], in files: [String]) -> [String] {
        files.flatMap { path in
            lines(of: path).filter { line in texts.contains { line.text.contains($0) } }
                .map { "\(path):\($0.number)" }
        }
    }
}
