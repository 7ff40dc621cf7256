// A stand-in, for Linux only: proves nothing of Apple's behaviour. See the README beside it.
import Foundation

public typealias CFIndex = Int
public typealias CFTypeRef = AnyObject
public typealias CFString = NSString
public typealias CFData = NSData
public typealias CFDictionary = NSDictionary
public typealias CFError = NSError
public typealias CFErrorDomain = CFString
public typealias OSStatus = Int32

public final class CFAllocator {}

public func CFErrorGetDomain(_ err: CFError!) -> CFErrorDomain! { err.domain as CFString }
public func CFErrorGetCode(_ err: CFError!) -> CFIndex { err.code }
public func CFErrorCopyDescription(_ err: CFError!) -> CFString! { err.localizedDescription as CFString }
