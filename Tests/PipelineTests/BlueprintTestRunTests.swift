import Map
import Pipeline
import SluiceTesting
import Testing

@Suite struct `Vero's blueprint` {
    @Test func `passes the tests that stand in it`() throws {
        let vero = try Fixtures.vero()
        #expect(vero.tests.count >= 14)
        for test in vero.tests {
            #expect(BlueprintTestRun.failure(of: test, in: vero) == nil, "\(test.name)")
        }
    }

    @Test func `would fail its tests if something else came out`() throws {
        let text = try Fixtures.text("Blueprints/vero.json").replacing(
            "Viewed product", with: "Saw product", maxReplacements: 1)
        let changed = try Blueprint.read(file: "vero.json", bytes: Array(text.utf8))
        let failures = changed.tests.compactMap { BlueprintTestRun.failure(of: $0, in: changed) }
        #expect(!failures.isEmpty)
    }
}
