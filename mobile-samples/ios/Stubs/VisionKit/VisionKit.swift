// A stand-in, for type-checking on Linux only: proves nothing of Apple's behaviour. See the README in the folder above.
import Foundation
import UIKit

/// Of the module Vision.
public struct VNBarcodeSymbology: Hashable, Sendable {
    public static let qr = VNBarcodeSymbology()
}

public enum RecognizedItem: Sendable {
    public struct Barcode: Sendable {
        public var payloadStringValue: String? { nil }
    }
    public struct Text: Sendable {}
    case text(RecognizedItem.Text)
    case barcode(RecognizedItem.Barcode)
}

@MainActor
open class DataScannerViewController: UIViewController {
    public struct RecognizedDataType: Hashable, Sendable {
        public static func barcode(symbologies: [VNBarcodeSymbology] = []) -> RecognizedDataType { RecognizedDataType() }
    }
    public static var isSupported: Bool { false }
    public static var isAvailable: Bool { false }
    public convenience init(recognizedDataTypes: Set<RecognizedDataType>, isHighlightingEnabled: Bool = false) { self.init() }
    weak open var delegate: (any DataScannerViewControllerDelegate)?
    open func startScanning() throws {}
    open func stopScanning() {}
}

@MainActor
public protocol DataScannerViewControllerDelegate: AnyObject {
    func dataScanner(_ dataScanner: DataScannerViewController, didAdd addedItems: [RecognizedItem], allItems: [RecognizedItem])
}
