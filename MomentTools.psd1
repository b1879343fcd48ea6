@{
    RootModule             = 'MomentTools.dll'
    ModuleVersion          = '0.1.0'
    CompatiblePSEditions   = @('Core')
    GUID                   = 'b2c6f7f3-4a0b-4d1e-9a54-6d6f0f5b7c11'
    Author                 = 'The MomentTools founders'
    CompanyName            = 'The MomentTools founders'
    Copyright              = 'Copyright (c) 2026 the MomentTools founders. MIT licence.'
    Description            = 'Points in time of QEMU virtual machines on Linux: take a checkpoint or a snapshot, see the tree, go back, branch off, ask what was written since, back up only that, and get every byte back. Talks to QEMU directly over QMP and NBD, needs no daemon, keeps its records in libvirt''s XML, and works the same on running and stopped machines.'
    PowerShellVersion      = '7.6'
    # Loaded first: the type file names methods of the one, users write [MomentTools.VMMoment] of the other.
    RequiredAssemblies     = @('MomentTools.Engine.dll', 'MomentTools.dll')
    TypesToProcess         = @('MomentTools.Types.ps1xml')
    FormatsToProcess       = @('MomentTools.Format.ps1xml')
    FunctionsToExport      = @()
    CmdletsToExport        = @(
        'Backup-VMDomain'
        'Compare-VMMoment'
        'Export-VMMoment'
        'Get-VMBackup'
        'Get-VMBitmap'
        'Get-VMBlockExport'
        'Get-VMBlockSnapshot'
        'Get-VMBranch'
        'Get-VMChangedBlock'
        'Get-VMCheckpoint'
        'Get-VMDomain'
        'Get-VMMoment'
        'Get-VMSnapshot'
        'Import-VMMoment'
        'Invoke-VMQmpCommand'
        'Merge-VMBackup'
        'Merge-VMSnapshot'
        'New-VMBlockSnapshot'
        'New-VMBranch'
        'New-VMCheckpoint'
        'New-VMSnapshot'
        'Register-VMDomain'
        'Remove-VMBackup'
        'Remove-VMBitmap'
        'Remove-VMBlockSnapshot'
        'Remove-VMBranch'
        'Remove-VMCheckpoint'
        'Remove-VMMoment'
        'Remove-VMSnapshot'
        'Rename-VMBranch'
        'Rename-VMDomain'
        'Repair-VMMoment'
        'Restore-VMBackup'
        'Restore-VMSnapshot'
        'Resume-VMDomain'
        'Set-VMMoment'
        'Start-VMBlockExport'
        'Start-VMDomain'
        'Stop-VMBlockExport'
        'Stop-VMDomain'
        'Suspend-VMDomain'
        'Switch-VMBranch'
        'Test-VMBackup'
        'Test-VMMoment'
        'Undo-VMSnapshot'
        'Unregister-VMDomain'
        'Use-VMSnapshot'
    )
    VariablesToExport      = @()
    AliasesToExport        = @()
    FileList               = @(
        'MomentTools.psd1'
        'MomentTools.dll'
        'MomentTools.Engine.dll'
        'MomentTools.Format.ps1xml'
        'MomentTools.Types.ps1xml'
        'LICENSE'
        'en-US/MomentTools.dll-Help.xml'
        'en-US/about_MomentTools.help.txt'
        'en-US/about_MomentTools_Automation.help.txt'
        'en-US/about_MomentTools_Backups.help.txt'
        'en-US/about_MomentTools_BlockExports.help.txt'
        'en-US/about_MomentTools_Branches.help.txt'
        'en-US/about_MomentTools_ChangedBlocks.help.txt'
        'en-US/about_MomentTools_Errors.help.txt'
        'en-US/about_MomentTools_HyperVHabits.help.txt'
        'en-US/about_MomentTools_Moments.help.txt'
        'en-US/about_MomentTools_Recovery.help.txt'
        'en-US/about_MomentTools_Safety.help.txt'
    )
    PrivateData            = @{
        PSData = @{
            Tags                     = @('PSEdition_Core', 'Linux', 'QEMU', 'KVM', 'libvirt', 'qcow2', 'NBD', 'VM', 'virtualization', 'backup', 'restore', 'checkpoint', 'snapshot', 'incremental')
            LicenseUri               = 'https://spdx.org/licenses/MIT.html'
            ProjectUri               = 'https://github.com/MomentTools/MomentTools'
            ReleaseNotes             = @'
Points in time of QEMU virtual machines, without a daemon, on running and stopped machines alike:
checkpoints and the blocks that changed since them; snapshots inside and outside the images, with and without memory, and branches between them;
block snapshots and NBD exports; full, incremental and differential backups that are verified, restored, merged and thinned out by rules.
Every operation is finished or undone after a crash. What is new is in CHANGELOG.md of the project.
'@
            RequireLicenseAcceptance = $false
        }
    }
}
