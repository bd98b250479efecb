import Primitives
import VRRP

/// A line of `track_script` and its kin; its subject may be defined further down.
struct TrackDraft {
    var subject: Track.Subject
    var weight: (weight: Int, reversed: Bool)?
    var location: SourceLocation
}

extension Interpreter {
    /// `NAME [weight N [reverse]]`, several on a line if need be.
    mutating func tracks(of block: Setting, existing: [TrackDraft]) -> [TrackDraft] {
        var tracks: [TrackDraft] = []
        for statement in block.children {
            if statement.children != nil {
                report.error(statement.location, "a block in '\(block.keyword)'", mend: "remove it")
                continue
            }
            var words = statement.words[...]
            while let name = words.popFirst()?.text {
                let subject = Self.subject(name, of: block.keyword)
                var track = TrackDraft(
                    subject: subject,
                    weight: nil,
                    location: statement.location
                )
                if words.first?.text == "weight" {
                    words.removeFirst()
                    let turns = ["reverse", "noreverse", "no_reverse"]
                    let second = words.dropFirst().first?.text ?? ""
                    let count = turns.contains(second) ? 2 : 1
                    track.weight = weight(
                        words.prefix(count),
                        within: subject.largestWeight,
                        at: statement.location
                    )
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

    private static func subject(_ name: String, of keyword: String) -> Track.Subject {
        switch keyword {
        case "track_interface": .interface(name)
        case "track_process": .process(name)
        case "track_file": .file(name)
        default: .script(name)
        }
    }

    /// The tracks of a router and of its group, with the weights of what they name.
    mutating func finishedTracks(
        of draft: InstanceDraft,
        interface: String?,
        priority: UInt8
    ) -> [Track] {
        let group = groups.first { $0.members.contains { $0.name == draft.name } }
        var result: [Track] = []
        for track in draft.tracks {
            guard var weight = effectiveWeight(of: track, interface: interface) else { continue }
            if let group, !group.tracksWeights, weight.weight != 0 {
                guard joins(track, in: group, weight: &weight) else { continue }
            }
            add(track, weight, of: draft.name, priority: priority, to: &result)
        }
        for track in group?.tracks ?? [] {
            guard let weight = effectiveWeight(of: track, interface: nil) else { continue }
            if case .interface(let name) = track.subject, name == interface, weight.weight == 0 {
                continue
            }
            if result.contains(where: { $0.subject == track.subject }) {
                report.warning(
                    track.location,
                    "'\(track.subject.name)' is tracked by '\(draft.name)' itself too: that counts",
                    mend: "remove one"
                )
                continue
            }
            add(track, weight, of: draft.name, priority: priority, to: &result)
        }
        return result
    }

    private mutating func add(
        _ track: TrackDraft,
        _ weight: (weight: Int, reversed: Bool),
        of router: String,
        priority: UInt8,
        to tracks: inout [Track]
    ) {
        if priority == EffectivePriority.owner, weight.weight != 0 {
            report.warning(
                track.location,
                "a weight has no effect at priority 255",
                mend: "use a priority of 254 or less, or weight 0"
            )
            return
        }
        let origin = track.weight == nil ? weightLocations[track.subject] : nil
        trackLocations[router, default: [:]][track.subject] = origin ?? track.location
        tracks.append(
            Track(subject: track.subject, weight: weight.weight, reversed: weight.reversed)
        )
    }

    /// Routers of a group have to agree on who is MASTER, so keepalived knows no weights of single members:
    /// a link becomes a fault, anything else is left out.
    private mutating func joins(
        _ track: TrackDraft,
        in group: SyncGroupDraft,
        weight: inout (weight: Int, reversed: Bool)
    ) -> Bool {
        let mend =
            "write weight 0, or track it in vrrp_sync_group '\(group.name)', for all of its routers"
        if case .interface(let name) = track.subject {
            report.warning(
                track.location,
                "the weight of '\(name)' does not count in the sync group '\(group.name)': "
                    + "its failure is a FAULT, as in keepalived",
                mend: mend
            )
            weight.weight = 0
            return true
        }
        report.warning(
            track.location,
            "'\(track.subject.name)' has a weight and is not followed in the sync group "
                + "'\(group.name)', as in keepalived",
            mend: mend
        )
        return false
    }

    private mutating func effectiveWeight(
        of track: TrackDraft,
        interface: String?
    ) -> (weight: Int, reversed: Bool)? {
        let undefined: (keyword: String, block: String, names: [String])
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
        case .process(let name):
            if let process = processes.first(where: { $0.name == name }) {
                return track.weight ?? (process.weight, process.reversed)
            }
            undefined = ("track_process", "vrrp_track_process", processes.map(\.name))
        case .file(let name):
            if let file = files.first(where: { $0.name == name }) {
                return track.weight ?? (file.weight, file.reversed)
            }
            undefined = ("track_file", "track_file", files.map(\.name))
        case .script(let name):
            if let script = scripts.first(where: { $0.script.name == name })?.script {
                return track.weight ?? (script.weight, script.reversed)
            }
            undefined = ("track_script", "vrrp_script", scripts.map(\.script.name))
        }
        let name = track.subject.name
        report.error(
            track.location,
            "'\(undefined.keyword)' names '\(name)', which is not defined: "
                + "keepalived would go on without the check",
            mend: Spelling.nearest(to: name, among: undefined.names).map { "did you mean '\($0)'?" }
                ?? "write a '\(undefined.block) \(name) { … }' block"
        )
        return nil
    }
}

extension Track.Subject {
    /// keepalived lets a process or a file take a priority from 254 to FAULT.
    var largestWeight: Int {
        switch self {
        case .script, .interface: 253
        case .process, .file: 254
        }
    }
}
