<?php
// Debian's packages bring no metadata of Composer; the container asks these two questions of it.
namespace Composer;

final class InstalledVersions
{
    public static function isInstalled(string $package, bool $includeDev = true): bool
    {
        return false;
    }

    public static function getRootPackage(): array
    {
        return ['name' => 'mercure-deploy/books', 'dev' => false];
    }
}
