import Primitives
import VRRP

/// A line of `track_script` or `track_interface`; its script may be defined further down.
struct TrackDraft {
    var subject: Track.Subject
    var weight: (weight: Int, reversed: Bool)?
    var location: SourceLocation
}

extension Interpreter {
    mutating func readTrackedScripts(_ block: Setting, into draft: inout InstanceDraft) {
        draft.tracks += tracks(of: block, existing: draft.tracks) { .script($0) }
    }

    mutating func readTrackedInterfaces(_ block: Setting, into draft: inout InstanceDraft) {
        draft.tracks += tracks(of: block, existing: draft.tracks) { .interface($0) }
    }

    /// `NAME [weight N [reverse]]`, several on a line if need be.
    private mutating func tracks(
        of block: Setting,
        existing: [TrackDraft],
        subject: (String) -> Track.Subject
    ) -> [TrackDraft] {
        var tracks: [TrackDraft] = []
        for statement in block.children {
            if statement.children != nil {
                report.error(statement.location, "a block in '\(block.keyword)'", mend: "remove it")
                continue
            }
            var words = statement.words[...]
            while let name = words.popFirst()?.text {
                var track = TrackDraft(
                    subject: subject(name),
                    weight: nil,
                    location: statement.location
                )
                if words.first?.text == "weight" {
                    words.removeFirst()
                    let count = words.dropFirst().first?.text == "reverse" ? 2 : 1
                    track.weight = weight(words.prefix(count), at: statement.location)
                    words = words.dropFirst(count)
                }
                if (existing + tracks).contains(where: { $0.subject == track.subject }) {
                    report.warning(
                        statement.location,
                        "'\(name)' is tracked already",
                        mend: "remove it"
                    )
                } else {
                    tracks.append(track)
                }
            }
        }
        return tracks
    }

    /// The tracks of a router with the weights of their scripts.
    mutating func finishedTracks(
        of draft: InstanceDraft,
        interface: String?,
        priority: UInt8
    ) -> [Track] {
        var result: [Track] = []
        for track in draft.tracks {
            guard let weight = effectiveWeight(of: track, interface: interface) else { continue }
            if priority == 255, weight.weight != 0 {
                report.warning(
                    track.location,
                    "a weight has no effect at priority 255",
                    mend: "use a priority of 254 or less, or weight 0"
                )
                continue
            }
            result.append(
                Track(subject: track.subject, weight: weight.weight, reversed: weight.reversed)
            )
        }
        return result
    }

    private mutating func effectiveWeight(
        of track: TrackDraft,
        interface: String?
    ) -> (weight: Int, reversed: Bool)? {
        switch track.subject {
        case .interface(let name):
            guard name != interface else {
                report.warning(
                    track.location,
                    "'\(name)' is the router's own interface, which always counts",
                    mend: "remove it"
                )
                return nil
            }
            return track.weight ?? (0, false)
        case .process, .file: return track.weight ?? (0, false)
        case .script(let name):
            guard let script = scripts.first(where: { $0.script.name == name })?.script else {
                let mend =
                    Spelling.nearest(to: name, among: scripts.map(\.script.name))
                    .map { "did you mean '\($0)'?" } ?? "write a 'vrrp_script \(name) { … }' block"
                report.error(
                    track.location,
                    "'track_script' names '\(name)', which is not defined: "
                        + "keepalived would go on without the check",
                    mend: mend
                )
                return nil
            }
            return track.weight ?? (script.weight, script.reversed)
        }
    }
}
